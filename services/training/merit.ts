import { GroupedRanking } from '../../common/metrics/grouped-ranking.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
import type { GroupedExamples } from './examples.ts';

/** Rank down to which models are judged. */
export const CUT_OFF = 10;
const SCORED_AT_ONCE = 4_096;

/** Measures scores of the rows by their mean NDCG at 10 over the groups; among equal scores the lesser gain ranks first. */
export function ndcgOf({
  labels,
  gains,
  groups,
}: Pick<GroupedExamples, 'labels' | 'gains' | 'groups'>): (scores: Float32Array | Float64Array) => number {
  const grades = labels.map((label, row) => (label === 0 ? 0 : (gains?.[row] ?? 1)));
  const ranking = new GroupedRanking(grades, groups, {
    cutOffs: [CUT_OFF],
    gain: 'linear',
    noRelevant: 0,
    ties: 'pessimistic',
  });
  return (scores) => ranking.ndcg(scores)[0];
}

/** The scores of a model, as ONNX, for the rows. */
export async function scored(
  onnx: Uint8Array,
  { rows, width, features }: Pick<GroupedExamples, 'rows' | 'width' | 'features'>,
): Promise<Float32Array> {
  const scores = new Float32Array(rows);
  if (rows === 0) return scores;
  await using scorer = await Scorer.open(onnx);
  for (let start = 0; start < rows; start += SCORED_AT_ONCE) {
    const end = Math.min(start + SCORED_AT_ONCE, rows);
    scores.set(await scorer.run(features.subarray(start * width, end * width)), start);
  }
  return scores;
}
