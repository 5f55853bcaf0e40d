import { bestFirst } from '../../../common/best-first.ts';
import { type Candidates, Columns } from '../../../common/columns.ts';

/** Keeps a row that was not scored below one that was, also after rounding to float32. */
const BELOW = 1 - 2 ** -20;

/** The best `depth` rows by ranking, best first; candidates mostly come so. */
export function bestRows(candidates: Candidates, depth: number): Uint32Array {
  const scores = candidates.column(Columns.ranking);
  for (let row = 1; row < scores.length; row++)
    if (scores[row] > scores[row - 1]) return bestFirst(scores, candidates.items).subarray(0, depth);
  return Uint32Array.from({ length: depth }, (_, row) => row);
}

/** The values of some rows as a column of all; 0 in the others. */
export function spread(values: Float32Array, rows: Uint32Array, count: number): Float32Array {
  const column = new Float32Array(count);
  for (let i = 0; i < rows.length; i++) column[rows[i]] = values[i];
  return column;
}

/** The 1-based places of `rows` by their scores, as a column of all; 0 in the others. */
export function placesOf(scores: Float32Array, rows: Uint32Array, items: Uint32Array): Float32Array {
  const places = new Float32Array(items.length);
  const order = bestFirst(
    scores,
    rows.map((row) => items[row]),
  );
  for (let place = 0; place < order.length; place++) places[rows[order[place]]] = place + 1;
  return places;
}

/**
 * What slates are chosen by: the second stage's probabilities for the rows that it scored, and below all of them the others in
 * ranking's order, by its scores or those shrunk to fit.
 */
export function relevanceOf(ranking: Float32Array, rows: Uint32Array, scores: Float32Array): Float32Array {
  const relevance = ranking.slice();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rows.length; i++) {
    relevance[rows[i]] = Number.NEGATIVE_INFINITY;
    least = Math.min(least, scores[i]);
  }
  let most = 0;
  for (const score of relevance) most = Math.max(most, score);
  const shrink = most === 0 || most < least ? 1 : (least / most) * BELOW;
  if (shrink < 1) for (let row = 0; row < relevance.length; row++) relevance[row] *= shrink;
  for (let i = 0; i < rows.length; i++) relevance[rows[i]] = scores[i];
  return relevance;
}
