import { TopK } from '../top-k.ts';
import type { Neighbours } from './index-types.ts';
import type { VectorTable } from './vectors.ts';

const top = new TopK();

/** Writes the `count` first of `rows`, scored by `table` and put in order, to `out`. */
export function rescore(
  table: VectorTable,
  prepared: Float32Array,
  rows: ArrayLike<number>,
  count: number,
  out: Neighbours | undefined,
): Neighbours {
  top.reset(count);
  for (let i = 0; i < count; i++) top.offer(rows[i], table.score(prepared, rows[i]));
  top.sort();
  const target = out ?? { count: 0, rows: new Uint32Array(count), scores: new Float32Array(count) };
  if (target.rows.length < count) target.rows = new Uint32Array(count);
  if (target.scores.length < count) target.scores = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    target.rows[i] = top.rows[i];
    target.scores[i] = top.scores[i];
  }
  target.count = count;
  return target;
}
