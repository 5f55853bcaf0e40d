import { rankingMetrics } from '../metrics/ranking.ts';
import { Random } from '../random.ts';
import { TopK } from '../top-k.ts';
import type { CandidateModel } from './candidate-model.ts';
import type { InteractionMatrix } from './interactions.ts';

/** Means over the rows that have held-out items. */
export interface HeldOutMeans {
  readonly recall: number;
  readonly ndcg: number;
}

/** Scores that are asked of a model at a time, at most. */
const BATCH_SCORES = 1 << 21;

/**
 * Ranks all items but the row's own in `mask` for each of `rows`, equal scores by ordinal, and measures the list at each of
 * `cutOffs` by the conventions of `rankingMetrics`. A row that has nothing in `mask` is ranked by how often items occur there,
 * whatever the model, which learnt nothing of it. `rows`: those that count, all that have items in `truth` where absent. All
 * matrices have the same rows and columns.
 */
export async function rankHeldOut(
  model: CandidateModel,
  mask: InteractionMatrix,
  truth: InteractionMatrix,
  cutOffs: readonly number[],
  rows: Uint32Array = heldOutRows(truth),
): Promise<HeldOutMeans[]> {
  const sums = cutOffs.map(() => ({ recall: 0, ndcg: 0 }));
  const top = new TopK(Math.max(...cutOffs));
  const measure = (row: number, scores: Float32Array) => {
    const ranked = topUnmasked(scores, mask, row, top);
    const relevant = new Set(truth.columns.subarray(truth.offsets[row], truth.offsets[row + 1]));
    cutOffs.forEach((k, at) => {
      const { recall, ndcg } = rankingMetrics(ranked, relevant, k);
      sums[at].recall += recall;
      sums[at].ndcg += ndcg;
    });
  };
  const isKnown = (row: number) => mask.offsets[row] < mask.offsets[row + 1];
  await scoreRows(model, rows.filter(isKnown), measure);
  const popularity = new Float32Array(mask.columnCount);
  for (const column of mask.columns) popularity[column]++;
  for (const row of rows.filter((row) => !isKnown(row))) measure(row, popularity);
  const count = Math.max(1, rows.length);
  return sums.map(({ recall, ndcg }) => ({ recall: recall / count, ndcg: ndcg / count }));
}

/** The rows that have entries in `truth`; a sample of so many where there are more, ascending, the same for a seed. */
export function heldOutRows(
  truth: InteractionMatrix,
  rowsMax = Number.POSITIVE_INFINITY,
  seed = 0,
): Uint32Array {
  const rows = Uint32Array.from({ length: truth.rowCount }, (_, row) => row).filter(
    (row) => truth.offsets[row] < truth.offsets[row + 1],
  );
  if (rows.length <= rowsMax) return rows;
  return new Random(seed).shuffle(rows).slice(0, rowsMax).sort();
}

/** Hands over the scores of each row, which are overwritten afterwards. */
async function scoreRows(
  model: CandidateModel,
  rows: Uint32Array,
  take: (row: number, scores: Float32Array) => void,
): Promise<void> {
  const { itemCount } = model;
  const batchRows = Math.max(1, Math.floor(BATCH_SCORES / itemCount));
  const scores = new Float32Array(Math.min(batchRows, rows.length) * itemCount);
  for (let start = 0; start < rows.length; start += batchRows) {
    const batch = rows.subarray(start, start + batchRows);
    await model.scoreUsers(batch, scores.subarray(0, batch.length * itemCount));
    batch.forEach((row, i) => {
      take(row, scores.subarray(i * itemCount, (i + 1) * itemCount));
    });
  }
}

function topUnmasked(
  scores: Float32Array,
  { offsets, columns }: InteractionMatrix,
  row: number,
  top: TopK,
): Uint32Array {
  for (let entry = offsets[row]; entry < offsets[row + 1]; entry++)
    scores[columns[entry]] = Number.NEGATIVE_INFINITY;
  top.reset(top.rows.length);
  let { floor } = top;
  for (let item = 0; item < scores.length; item++) {
    const score = scores[item];
    if (score < floor || score === Number.NEGATIVE_INFINITY) continue;
    top.offer(item, score);
    floor = top.floor;
  }
  return top.rows.subarray(0, top.sort());
}
