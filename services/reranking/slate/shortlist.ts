import { bestFirst } from '../../../common/best-first.ts';
import type { RuleOutcome } from '../rules/rule-set.ts';

/** The candidates that a slate is chosen from, one a row, best first. Owned by its request. */
export interface Shortlist {
  /** Ordinals. */
  readonly items: Uint32Array;
  /** Where each stands among the candidates. */
  readonly candidateRows: Uint32Array;
  /** The scores as the rules left them. */
  readonly scores: Float32Array;
  /** The row pinned to each position, -1 for none. */
  readonly pins: Int32Array;
}

/** The best `depth` candidates by the rules' scores that are not excluded, and all pinned ones. */
export function shortlistOf(
  items: Uint32Array,
  { scores, excluded, pins }: RuleOutcome,
  depth: number,
): Shortlist {
  const best = firstAllowed(bestFirst(scores, items), excluded, depth);
  const missing = pins.filter((row) => row >= 0 && !best.includes(row));
  const rows = Uint32Array.of(...best, ...missing);
  return {
    items: rows.map((row) => items[row]),
    candidateRows: rows,
    scores: Float32Array.from(rows, (row) => scores[row]),
    pins: pins.map((row) => (row < 0 ? -1 : rows.indexOf(row))),
  };
}

/** The first `limit` of the rows that are not excluded. */
function firstAllowed(rows: Uint32Array, excluded: Uint8Array, limit: number): Uint32Array {
  let count = 0;
  for (let at = 0; at < rows.length && count < limit; at++)
    if (excluded[rows[at]] === 0) rows[count++] = rows[at];
  return rows.subarray(0, count);
}
