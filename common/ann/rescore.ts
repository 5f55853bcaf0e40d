import { TopK } from '../top-k.ts';
import type { Neighbours } from './index-types.ts';
import type { VectorTable } from './vectors.ts';

const top = new TopK();

/** Writes the best `k` of `rows`, scored by `table`, to `out`, in order. */
export function rescore(
  table: VectorTable,
  prepared: Float32Array,
  rows: ArrayLike<number>,
  k: number,
  out: Neighbours | undefined,
): Neighbours {
  top.reset(Math.min(k, rows.length));
  for (let i = 0; i < rows.length; i++) top.offer(rows[i], table.score(prepared, rows[i]));
  const count = top.sort();
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
