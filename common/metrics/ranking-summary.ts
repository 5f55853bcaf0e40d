import { coverageOf } from './exposure.ts';
import type { RankingMetrics } from './ranking.ts';
import { rankingMetrics } from './ranking.ts';

/** Means over the lists, and the share of the catalogue that appears in at least one list's first k. */
export interface RankingMeans extends RankingMetrics {
  readonly lists: number;
  readonly coverage: number;
}

/**
 * Accumulates `rankingMetrics` at one cut-off over many lists. Every added list counts in the means, one without relevant
 * items as 0: whoever wants "users with at least one test item" adds only those.
 */
export class RankingSummary {
  readonly k: number;
  /** How often each item was among a list's first k. */
  readonly recommended: Uint32Array;
  readonly #lists: RankingMetrics[] = [];

  /** Items are ordinals below `itemCount`, the catalogue that coverage is a share of. */
  constructor(k: number, itemCount: number) {
    this.k = k;
    this.recommended = new Uint32Array(itemCount);
  }

  add(ranked: ArrayLike<number>, relevant: ReadonlySet<number>): void {
    this.#lists.push(rankingMetrics(ranked, relevant, this.k));
    for (let i = 0; i < Math.min(this.k, ranked.length); i++) this.recommended[ranked[i]]++;
  }

  /** The metric of each list, in the order in which they were added. */
  values(name: keyof RankingMetrics): Float64Array {
    return Float64Array.from(this.#lists, (list) => list[name]);
  }

  /** All 0 before the first list. */
  means(): RankingMeans {
    const mean = (name: keyof RankingMetrics): number =>
      this.#lists.reduce((sum, list) => sum + list[name], 0) / Math.max(1, this.#lists.length);
    return {
      precision: mean('precision'),
      recall: mean('recall'),
      f1: mean('f1'),
      averagePrecision: mean('averagePrecision'),
      ndcg: mean('ndcg'),
      reciprocalRank: mean('reciprocalRank'),
      hit: mean('hit'),
      lists: this.#lists.length,
      coverage: coverageOf(this.recommended),
    };
  }
}
