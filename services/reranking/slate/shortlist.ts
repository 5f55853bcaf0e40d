import { bestFirst } from '../../../common/best-first.ts';
import type { ItemGroup } from '../fairness/item-group.ts';
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
  /** What rules add to the value that bandits see in each. */
  readonly bonuses: Float32Array;
}

/** A group of which the shortlist is to hold its best `count`, however far down they stand. */
export interface Reserve {
  readonly group: ItemGroup;
  readonly count: number;
}

/** The best `depth` candidates by the rules' scores that are not excluded, the reserves', and all that are pinned or required. */
export function shortlistOf(
  items: Uint32Array,
  { scores, excluded, pins, required, bonuses }: RuleOutcome,
  depth: number,
  reserves: readonly Reserve[],
  nowMs: number,
): Shortlist {
  const allowed = allowedOf(bestFirst(scores, items), excluded);
  const chosen = new Uint8Array(items.length);
  for (const row of allowed.subarray(0, depth)) chosen[row] = 1;
  for (const { group, count } of reserves) {
    let left = count;
    for (let at = 0; at < allowed.length && left > 0; at++) {
      if (!group.has(items[allowed[at]], nowMs)) continue;
      chosen[allowed[at]] = 1;
      left--;
    }
  }
  for (const row of pins) if (row >= 0) chosen[row] = 1;
  for (const row of required) chosen[row] = 1;
  const rows = allowed.filter((row) => chosen[row] === 1);
  return {
    items: rows.map((row) => items[row]),
    candidateRows: rows,
    scores: Float32Array.from(rows, (row) => scores[row]),
    bonuses: Float32Array.from(rows, (row) => bonuses[row]),
    pins: pins.map((row) => (row < 0 ? -1 : rows.indexOf(row))),
  };
}

/** The rows that are not excluded, in place. */
function allowedOf(rows: Uint32Array, excluded: Uint8Array): Uint32Array {
  let count = 0;
  for (let at = 0; at < rows.length; at++) if (excluded[rows[at]] === 0) rows[count++] = rows[at];
  return rows.subarray(0, count);
}
