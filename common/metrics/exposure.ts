/** How recommendations spread over a catalogue. */
export interface Exposure {
  /** Share of the catalogue that was recommended at least once. */
  readonly coverage: number;
  /** Shannon entropy of the recommended items' shares, bits (distributional coverage). */
  readonly entropy: number;
  /** Gini coefficient of the items' recommendations: 0 where all items have as many, towards 1 where one has them all. */
  readonly gini: number;
  /** Mean number of training interactions of a recommended item: average recommendation popularity (Yin et al. 2012). */
  readonly popularity: number;
  /**
   * Mean self-information of a recommended item, bits: −log2 of its share of all training interactions (Zhou et al. 2010). An
   * item without any counts as one with a single one.
   */
  readonly novelty: number;
}

/**
 * `recommended`: how often each item of the catalogue was in a list; `interactions`: how often it was taken up in the training
 * part, parallel. Means are over recommendations. All 0 where nothing was recommended.
 */
export function exposureOf(recommended: Uint32Array, interactions: ArrayLike<number>): Exposure {
  const items = recommended.length;
  const shown = recommended.reduce((sum, count) => sum + count, 0);
  if (shown === 0) return { coverage: 0, entropy: 0, gini: 0, popularity: 0, novelty: 0 };
  let taken = 0;
  for (let item = 0; item < items; item++) taken += interactions[item];
  let entropy = 0;
  let popularity = 0;
  let novelty = 0;
  for (let item = 0; item < items; item++) {
    const share = recommended[item] / shown;
    if (share === 0) continue;
    entropy -= share * Math.log2(share);
    popularity += share * interactions[item];
    novelty -= share * Math.log2(Math.max(1, interactions[item]) / Math.max(1, taken));
  }
  return { coverage: coverageOf(recommended), entropy, gini: giniOf(recommended), popularity, novelty };
}

/** Share of the entries that are not 0; 0 for none. */
export function coverageOf(recommended: Uint32Array): number {
  const covered = recommended.reduce((count, times) => count + (times > 0 ? 1 : 0), 0);
  return covered / Math.max(1, recommended.length);
}

/** Gini coefficient of counts that are not negative; 0 where all are 0. */
export function giniOf(counts: Uint32Array | Float64Array): number {
  const rising = counts.slice().sort();
  const { length } = rising;
  let weighted = 0;
  let sum = 0;
  for (let i = 0; i < length; i++) {
    weighted += (2 * i + 1 - length) * rising[i];
    sum += rising[i];
  }
  return sum === 0 ? 0 : weighted / (length * sum);
}
