/** What a `GroupedRanking` counts. */
export interface GroupedRankingOptions {
  /** Ranks at which NDCG is cut, each at least 1. */
  readonly cutOffs: readonly number[];
  /** `exponential`: 2^grade − 1 (Burges et al. 2005); `linear`: the grade. */
  readonly gain: 'linear' | 'exponential';
  /** What a group without a relevant row counts, in every metric. */
  readonly noRelevant: number;
  /**
   * Order among equal scores. `pessimistic`: the lower grade first, so that a model gains nothing by not deciding. `stable`: as the
   * rows stand.
   */
  readonly ties: 'pessimistic' | 'stable';
}

/**
 * Means over groups of graded rows, for many score vectors on the same rows. NDCG: the gains over log2(rank + 1) of the first k,
 * over those of the best order of the same group. Average precision: binary relevance (grade > 0), the mean over the group's
 * relevant rows of precision at their rank.
 */
export class GroupedRanking {
  readonly #labels: Float32Array;
  readonly #groups: Uint32Array;
  readonly #options: GroupedRankingOptions;
  readonly #gains: Float64Array;
  readonly #discounts: Float64Array;
  /** Of group g at cut-off i: [g × cutOffs + i]. */
  readonly #ideals: Float64Array;
  readonly #top: Uint32Array;

  /** Rows of group g are `groups[g]` up to `groups[g + 1]`; `labels` are grades ≥ 0. */
  constructor(labels: Float32Array, groups: Uint32Array, options: GroupedRankingOptions) {
    const { cutOffs, gain } = options;
    const depth = Math.max(...cutOffs);
    this.#labels = labels;
    this.#groups = groups;
    this.#options = options;
    this.#gains = Float64Array.from(labels, (grade) => (gain === 'linear' ? grade : 2 ** grade - 1));
    this.#discounts = Float64Array.from({ length: depth }, (_, rank) => 1 / Math.log2(rank + 2));
    this.#top = new Uint32Array(depth);
    this.#ideals = new Float64Array((groups.length - 1) * cutOffs.length);
    for (let group = 0; group + 1 < groups.length; group++) {
      const best = this.#gains
        .slice(groups[group], groups[group + 1])
        .sort()
        .reverse();
      cutOffs.forEach((k, i) => {
        this.#ideals[group * cutOffs.length + i] = this.#discounted(best, k);
      });
    }
  }

  /** Mean NDCG at each cut-off. `scores`: one a row. */
  ndcg(scores: Float32Array | Float64Array): number[] {
    const { cutOffs, noRelevant } = this.#options;
    const sums = new Float64Array(cutOffs.length);
    for (let group = 0; group + 1 < this.#groups.length; group++) {
      const ideals = group * cutOffs.length;
      if (this.#ideals[ideals] === 0) {
        for (let i = 0; i < sums.length; i++) sums[i] += noRelevant;
        continue;
      }
      const length = this.#fillTop(scores, this.#groups[group], this.#groups[group + 1]);
      for (let i = 0; i < sums.length; i++) {
        let gained = 0;
        for (let rank = Math.min(cutOffs[i], length) - 1; rank >= 0; rank--)
          gained += this.#gains[this.#top[rank]] * this.#discounts[rank];
        sums[i] += gained / this.#ideals[ideals + i];
      }
    }
    return Array.from(sums, (sum) => sum / (this.#groups.length - 1));
  }

  /** Mean average precision. `scores`: one a row. */
  averagePrecision(scores: Float32Array | Float64Array): number {
    const labels = this.#labels;
    let sum = 0;
    for (let group = 0; group + 1 < this.#groups.length; group++) {
      const start = this.#groups[group];
      const order = Uint32Array.from({ length: this.#groups[group + 1] - start }, (_, i) => start + i);
      order.sort((a, b) => (this.#isBefore(scores, a, b) ? -1 : 1));
      let hits = 0;
      let precisions = 0;
      for (let rank = 0; rank < order.length; rank++)
        if (labels[order[rank]] > 0) precisions += ++hits / (rank + 1);
      sum += hits === 0 ? this.#options.noRelevant : precisions / hits;
    }
    return sum / (this.#groups.length - 1);
  }

  /** The first rows of the order, as many as the deepest cut-off needs, by insertion into `#top`; how many. */
  #fillTop(scores: Float32Array | Float64Array, start: number, end: number): number {
    const top = this.#top;
    let length = 0;
    for (let row = start; row < end; row++) {
      if (length === top.length && !this.#isBefore(scores, row, top[length - 1])) continue;
      let at = length < top.length ? length++ : length - 1;
      for (; at > 0 && this.#isBefore(scores, row, top[at - 1]); at--) top[at] = top[at - 1];
      top[at] = row;
    }
    return length;
  }

  #isBefore(scores: Float32Array | Float64Array, a: number, b: number): boolean {
    if (scores[a] !== scores[b]) return scores[a] > scores[b];
    if (this.#options.ties === 'pessimistic' && this.#labels[a] !== this.#labels[b])
      return this.#labels[a] < this.#labels[b];
    return a < b;
  }

  #discounted(gains: Float64Array, k: number): number {
    let sum = 0;
    for (let rank = Math.min(k, gains.length) - 1; rank >= 0; rank--)
      sum += gains[rank] * this.#discounts[rank];
    return sum;
  }
}
