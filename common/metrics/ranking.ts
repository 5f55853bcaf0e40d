/** Quality of one ranked list against one person's relevant items, each in [0, 1]. */
export interface RankingMetrics {
  readonly precision: number;
  readonly recall: number;
  readonly averagePrecision: number;
  readonly ndcg: number;
  readonly reciprocalRank: number;
  readonly hit: number;
}

/**
 * Metrics at cut-off `k` (at least 1) of a list without repeats, best first, in one pass. Conventions are trec_eval's:
 * precision divides by k even if the list is shorter; recall and average precision (`map_cut_k`) divide by the number of
 * relevant items, retrieved or not; NDCG has binary gain, discount log2(rank + 1) and an ideal list of min(k, relevant)
 * items; the reciprocal rank of a first hit below k is 0; hit (`success_k`) is 1 if there is any. All are 0 where nothing is relevant.
 */
export function rankingMetrics(
  ranked: ArrayLike<number>,
  relevant: ReadonlySet<number>,
  k: number,
): RankingMetrics {
  const depth = Math.min(k, ranked.length);
  let hits = 0;
  let precisions = 0;
  let gained = 0;
  let reciprocalRank = 0;
  for (let i = 0; i < depth; i++) {
    if (!relevant.has(ranked[i])) continue;
    if (hits === 0) reciprocalRank = 1 / (i + 1);
    hits++;
    precisions += hits / (i + 1);
    gained += 1 / Math.log2(i + 2);
  }
  if (hits === 0) return NOTHING;
  let ideal = 0;
  for (let i = Math.min(k, relevant.size) - 1; i >= 0; i--) ideal += 1 / Math.log2(i + 2);
  return {
    precision: hits / k,
    recall: hits / relevant.size,
    averagePrecision: precisions / relevant.size,
    ndcg: gained / ideal,
    reciprocalRank,
    hit: 1,
  };
}

const NOTHING: RankingMetrics = {
  precision: 0,
  recall: 0,
  averagePrecision: 0,
  ndcg: 0,
  reciprocalRank: 0,
  hit: 0,
};

/**
 * NDCG at cut-off `k` with graded relevance. `grades` maps every judged item to its grade; grades of 0 or less gain nothing.
 * Linear gain is the grade (trec_eval's `ndcg_cut`), exponential gain is 2^grade − 1 (Burges et al. 2005); the discount is
 * log2(rank + 1); the ideal list is the best min(k, judged) grades. 0 where nothing has a positive grade.
 */
export function gradedNdcg(
  ranked: ArrayLike<number>,
  grades: ReadonlyMap<number, number>,
  k: number,
  gain: 'linear' | 'exponential',
): number {
  const best = Float64Array.from(grades.values()).sort().reverse();
  const ideal = discountedGain(best.length, (i) => best[i], k, gain);
  if (ideal === 0) return 0;
  return discountedGain(ranked.length, (i) => grades.get(ranked[i]) ?? 0, k, gain) / ideal;
}

function discountedGain(
  length: number,
  gradeAt: (index: number) => number,
  k: number,
  gain: 'linear' | 'exponential',
): number {
  let sum = 0;
  for (let i = 0; i < Math.min(k, length); i++) {
    const grade = gradeAt(i);
    if (grade > 0) sum += (gain === 'linear' ? grade : 2 ** grade - 1) / Math.log2(i + 2);
  }
  return sum;
}
