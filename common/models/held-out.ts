import { rankingMetrics } from '../metrics/ranking.ts';
import { TopK } from '../top-k.ts';
import type { CandidateModel } from './candidate-model.ts';
import type { InteractionMatrix } from './interactions.ts';

/** Means over the rows that have held-out items. */
export interface HeldOutMeans {
  readonly recall: number;
  readonly ndcg: number;
}

const BATCH_ROWS = 256;

/**
 * Ranks all items but the row's own in `mask` for every row that has items in `truth`, equal scores by ordinal, and measures
 * the list at each of `cutOffs` by the conventions of `rankingMetrics`. All matrices have the same rows and columns.
 */
export async function rankHeldOut(
  model: CandidateModel,
  mask: InteractionMatrix,
  truth: InteractionMatrix,
  cutOffs: readonly number[],
): Promise<HeldOutMeans[]> {
  const { columnCount: itemCount } = mask;
  const rows = Uint32Array.from({ length: truth.rowCount }, (_, row) => row).filter(
    (row) => truth.offsets[row] < truth.offsets[row + 1],
  );
  const sums = cutOffs.map(() => ({ recall: 0, ndcg: 0 }));
  const scores = new Float32Array(Math.min(BATCH_ROWS, rows.length) * itemCount);
  const top = new TopK(Math.max(...cutOffs));
  for (let start = 0; start < rows.length; start += BATCH_ROWS) {
    const batch = rows.subarray(start, start + BATCH_ROWS);
    await model.scoreUsers(batch, scores.subarray(0, batch.length * itemCount));
    for (let i = 0; i < batch.length; i++) {
      const ranked = topUnmasked(scores.subarray(i * itemCount, (i + 1) * itemCount), mask, batch[i], top);
      const relevant = new Set(truth.columns.subarray(truth.offsets[batch[i]], truth.offsets[batch[i] + 1]));
      cutOffs.forEach((k, at) => {
        const { recall, ndcg } = rankingMetrics(ranked, relevant, k);
        sums[at].recall += recall;
        sums[at].ndcg += ndcg;
      });
    }
  }
  const count = Math.max(1, rows.length);
  return sums.map(({ recall, ndcg }) => ({ recall: recall / count, ndcg: ndcg / count }));
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
  for (let item = 0; item < scores.length; item++) {
    const score = scores[item];
    if (score >= top.floor && score !== Number.NEGATIVE_INFINITY) top.offer(item, score);
  }
  return top.rows.subarray(0, top.sort());
}
