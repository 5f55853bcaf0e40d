export interface LambdaOptions {
  /** Only pairs of which one is ranked among so many count. */
  readonly truncation: number;
  /** Divides a pair's weight by the distance of its scores, and dampens groups with many pairs out of order. */
  readonly normalise: boolean;
}

const SIGMOID_RANGE = 30;
const SIGMOID_STEPS = 8192;
const SIGMOID = Float64Array.from(
  { length: SIGMOID_STEPS + 2 },
  (_, i) => 1 / (1 + Math.exp((2 * SIGMOID_RANGE * i) / SIGMOID_STEPS - SIGMOID_RANGE)),
);

/** 1 / (1 + exp(x)) to 2e-6, by linear interpolation. */
function reversedSigmoid(x: number): number {
  const at = ((x + SIGMOID_RANGE) * SIGMOID_STEPS) / (2 * SIGMOID_RANGE);
  if (!(at > 0)) return 1;
  if (at >= SIGMOID_STEPS) return 0;
  const step = Math.floor(at);
  const before = SIGMOID[step];
  return before + (at - step) * (SIGMOID[step + 1] - before);
}

/** Longest group whose order is kept by insertion. */
const INSERTION_ROWS_MAX = 256;

/**
 * The derivatives of LambdaMART (Burges, MSR-TR-2010-82): of each pair of different grades in a group, log(1 + exp(−(s_i − s_j)))
 * weighted by how much NDCG, gain 2^grade − 1, changes where the two swap ranks. Truncation and normalisation are LightGBM's
 * `lambdarank`. One per score vector: it remembers the order, which changes little from step to step.
 */
export class LambdaGradients {
  readonly #groups: Uint32Array;
  readonly #options: LambdaOptions;
  readonly #gains: Float64Array;
  readonly #inverseIdeals: Float64Array;
  readonly #discounts: Float64Array;
  /** Rows of each group by descending score. */
  readonly #order: Uint32Array;
  /** Of one group, by rank: scores, gains, and sums of derivatives. */
  readonly #ranked: Float64Array;
  readonly #rankedGains: Float64Array;
  readonly #gradients: Float64Array;
  readonly #hessians: Float64Array;

  constructor({ labels, groups }: { labels: Float32Array; groups: Uint32Array }, options: LambdaOptions) {
    this.#groups = groups;
    this.#options = options;
    this.#gains = Float64Array.from(labels, (grade) => 2 ** grade - 1);
    this.#order = Uint32Array.from({ length: labels.length }, (_, row) => row);
    let longest = 0;
    for (let group = 0; group + 1 < groups.length; group++)
      longest = Math.max(longest, groups[group + 1] - groups[group]);
    [this.#ranked, this.#rankedGains, this.#gradients, this.#hessians] = Array.from(
      { length: 4 },
      () => new Float64Array(longest),
    );
    this.#discounts = Float64Array.from({ length: longest }, (_, rank) => 1 / Math.log2(rank + 2));
    this.#inverseIdeals = Float64Array.from({ length: groups.length - 1 }, (_, group) => {
      const best = this.#gains
        .slice(groups[group], groups[group + 1])
        .sort()
        .reverse();
      let ideal = 0;
      for (let rank = 0; rank < Math.min(best.length, options.truncation); rank++)
        ideal += best[rank] * this.#discounts[rank];
      return ideal > 0 ? 1 / ideal : 0;
    });
  }

  /** Writes first and second derivative of each row, interleaved, to `derivatives`. */
  compute(scores: Float64Array, derivatives: Float32Array): void {
    derivatives.fill(0);
    for (let group = 0; group + 1 < this.#groups.length; group++) {
      if (this.#inverseIdeals[group] === 0) continue;
      this.#sort(scores, this.#groups[group], this.#groups[group + 1]);
      this.#addPairs(scores, group, derivatives);
    }
  }

  #sort(scores: Float64Array, start: number, end: number): void {
    const order = this.#order;
    if (end - start > INSERTION_ROWS_MAX) {
      order.subarray(start, end).sort((a, b) => scores[b] - scores[a] || a - b);
      return;
    }
    for (let i = start + 1; i < end; i++) {
      const row = order[i];
      const score = scores[row];
      let at = i;
      for (; at > start; at--) {
        const before = order[at - 1];
        if (scores[before] > score || (scores[before] === score && before < row)) break;
        order[at] = before;
      }
      order[at] = row;
    }
  }

  #addPairs(scores: Float64Array, group: number, derivatives: Float32Array): void {
    const { normalise, truncation } = this.#options;
    const [start, count] = [this.#groups[group], this.#groups[group + 1] - this.#groups[group]];
    const [ranked, gains, gradients, hessians] = [
      this.#ranked,
      this.#rankedGains,
      this.#gradients,
      this.#hessians,
    ];
    const discounts = this.#discounts;
    for (let rank = 0; rank < count; rank++) {
      const row = this.#order[start + rank];
      ranked[rank] = scores[row];
      gains[rank] = this.#gains[row];
      gradients[rank] = hessians[rank] = 0;
    }
    const distant = normalise && ranked[0] !== ranked[count - 1];
    const inverseIdeal = this.#inverseIdeals[group];
    let total = 0;
    for (let i = 0; i < Math.min(count - 1, truncation); i++) {
      let gradient = 0;
      let hessian = 0;
      for (let j = i + 1; j < count; j++) {
        const gap = gains[i] - gains[j];
        if (gap === 0) continue;
        const distance = ranked[i] - ranked[j];
        let weight = Math.abs(gap) * (discounts[i] - discounts[j]) * inverseIdeal;
        if (distant) weight /= 0.01 + distance;
        const p = reversedSigmoid(gap > 0 ? distance : -distance);
        const pull = p * weight;
        const signed = gap > 0 ? -pull : pull;
        const curvature = pull * (1 - p);
        gradient += signed;
        hessian += curvature;
        gradients[j] -= signed;
        hessians[j] += curvature;
        total += 2 * pull;
      }
      gradients[i] += gradient;
      hessians[i] += hessian;
    }
    const scale = normalise && total > 0 ? Math.log2(1 + total) / total : 1;
    for (let rank = 0; rank < count; rank++) {
      const at = 2 * this.#order[start + rank];
      derivatives[at] = gradients[rank] * scale;
      derivatives[at + 1] = hessians[rank] * scale;
    }
  }
}
