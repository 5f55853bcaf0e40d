/** Quality of one ranked list against one person's relevant items, each in [0, 1]. */
export interface RankingMetrics {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly averagePrecision: number;
  readonly ndcg: number;
  readonly reciprocalRank: number;
  readonly hit: number;
}

/**
 * Metrics at cut-off `k` of a list without repeats, best first, in one pass. Conventions are trec_eval's: precision divides by
 * k even if the list is shorter; recall and average precision (`map_cut_k`) divide by the number of relevant items, retrieved
 * or not; F1 is the harmonic mean of the two of this list (`set_F`); NDCG has binary gain, discount log2(rank + 1) and an ideal
 * list of min(k, relevant) items; the reciprocal rank of a first hit below k is 0; hit (`success_k`) is 1 if there is any. All
 * are 0 where nothing is relevant, and such a list belongs in a mean over lists unless its caller says otherwise. With k the
 * length of the list precision is `set_P`; with k the number of relevant items it is `Rprec`.
 *
 * The order is the caller's: where scores are equal, Millrace puts the lower ordinal first (trec_eval: the greater document
 * id). A score that is NaN has no place in an order: whoever scores refuses it or leaves its item out.
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
  const precision = hits / k;
  const recall = hits / relevant.size;
  let ideal = 0;
  for (let i = Math.min(k, relevant.size) - 1; i >= 0; i--) ideal += 1 / Math.log2(i + 2);
  return {
    precision,
    recall,
    f1: (2 * precision * recall) / (precision + recall),
    averagePrecision: precisions / relevant.size,
    ndcg: gained / ideal,
    reciprocalRank,
    hit: 1,
  };
}

const NOTHING: RankingMetrics = {
  precision: 0,
  recall: 0,
  f1: 0,
  averagePrecision: 0,
  ndcg: 0,
  reciprocalRank: 0,
  hit: 0,
};

/** What an item of a grade is worth: the grade (trec_eval), or 2^grade − 1 (Burges et al. 2005). Grades of 0 or less gain nothing. */
export type Gain = 'linear' | 'exponential';

/**
 * NDCG at cut-off `k` with graded relevance: `gradedDcg` over that of the best min(k, judged) grades. `grades` maps every
 * judged item to its grade. With linear gain trec_eval's `ndcg_cut`. 0 where nothing has a positive grade.
 */
export function gradedNdcg(
  ranked: ArrayLike<number>,
  grades: ReadonlyMap<number, number>,
  k: number,
  gain: Gain,
): number {
  const best = Float64Array.from(grades.values()).sort().reverse();
  const ideal = discountedGain(best.length, (i) => best[i], k, gain);
  return ideal === 0 ? 0 : gradedDcg(ranked, grades, k, gain) / ideal;
}

/** Discounted cumulative gain of the first `k`; the discount is log2(rank + 1). */
export function gradedDcg(
  ranked: ArrayLike<number>,
  grades: ReadonlyMap<number, number>,
  k: number,
  gain: Gain,
): number {
  return discountedGain(ranked.length, (i) => grades.get(ranked[i]) ?? 0, k, gain);
}

function discountedGain(length: number, gradeAt: (index: number) => number, k: number, gain: Gain): number {
  let sum = 0;
  for (let i = 0; i < Math.min(k, length); i++) {
    const grade = gradeAt(i);
    if (grade > 0) sum += (gain === 'linear' ? grade : 2 ** grade - 1) / Math.log2(i + 2);
  }
  return sum;
}

/**
 * Binary preference: how often a judged irrelevant item does not stand above a relevant one; items without a grade are passed
 * over, so that incomplete judgements do no harm (Buckley, Voorhees 2004; trec_eval's `bpref`). An item of a grade of
 * `relevantFrom` or more is relevant, of a lesser one from 0 on irrelevant. 0 where nothing is relevant.
 */
export function binaryPreference(
  ranked: ArrayLike<number>,
  grades: ReadonlyMap<number, number>,
  relevantFrom = 1,
): number {
  let relevant = 0;
  let irrelevant = 0;
  for (const grade of grades.values()) {
    if (grade >= relevantFrom) relevant++;
    else if (grade >= 0) irrelevant++;
  }
  const comparable = Math.min(relevant, irrelevant);
  let above = 0;
  let sum = 0;
  for (let i = 0; i < ranked.length; i++) {
    const grade = grades.get(ranked[i]) ?? -1;
    if (grade >= relevantFrom) sum += above === 0 ? 1 : 1 - Math.min(above, relevant) / comparable;
    else if (grade >= 0) above++;
  }
  return relevant === 0 ? 0 : sum / relevant;
}

/**
 * Rank-biased precision (Moffat, Zobel 2008): a reader goes on to the next rank with probability `persistence`, below 1. An item
 * gains its grade as a share of the highest one (trec_eval's `rbp`), nothing with a grade of 0 or less.
 */
export function rankBiasedPrecision(
  ranked: ArrayLike<number>,
  grades: ReadonlyMap<number, number>,
  persistence: number,
): number {
  let highest = 1;
  for (const grade of grades.values()) highest = Math.max(highest, grade);
  let sum = 0;
  for (let i = ranked.length - 1; i >= 0; i--)
    sum = sum * persistence + Math.max(0, grades.get(ranked[i]) ?? 0) / highest;
  return (1 - persistence) * sum;
}
