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
  readonly #recommended: Uint8Array;
  readonly #sums = { precision: 0, recall: 0, averagePrecision: 0, ndcg: 0, reciprocalRank: 0, hit: 0 };
  #lists = 0;

  /** Items are ordinals below `itemCount`, the catalogue that coverage is a share of. */
  constructor(k: number, itemCount: number) {
    this.k = k;
    this.#recommended = new Uint8Array(itemCount);
  }

  add(ranked: ArrayLike<number>, relevant: ReadonlySet<number>): void {
    const metrics = rankingMetrics(ranked, relevant, this.k);
    for (const name of metricNames) this.#sums[name] += metrics[name];
    for (let i = 0; i < Math.min(this.k, ranked.length); i++) this.#recommended[ranked[i]] = 1;
    this.#lists++;
  }

  /** All 0 before the first list. */
  means(): RankingMeans {
    const lists = Math.max(1, this.#lists);
    let covered = 0;
    for (const flag of this.#recommended) covered += flag;
    return {
      precision: this.#sums.precision / lists,
      recall: this.#sums.recall / lists,
      averagePrecision: this.#sums.averagePrecision / lists,
      ndcg: this.#sums.ndcg / lists,
      reciprocalRank: this.#sums.reciprocalRank / lists,
      hit: this.#sums.hit / lists,
      lists: this.#lists,
      coverage: covered / Math.max(1, this.#recommended.length),
    };
  }
}

const metricNames = ['precision', 'recall', 'averagePrecision', 'ndcg', 'reciprocalRank', 'hit'] as const;
