import type { Selector, Utilities } from './selector.ts';
import type { Similarity } from './similarity.ts';

/** A row whose squared distance from the span of the placed ones is below this adds no direction: float32 units tell no more. */
const RESIDUAL_MIN = 1e-6;

/**
 * Greedy maximum a posteriori of a determinantal point process (Chen, Zhang, Zhou: Fast Greedy MAP Inference for DPP, NeurIPS
 * 2018): the row that most raises lambda * sum of utilities + (1 - lambda) * log det S over the rows placed, S being the
 * similarities with 1 on the diagonal; which is the determinant greedy on the kernel q_i S_ij q_j with
 * q = exp(lambda / (1 - lambda) * utility / 2). A row's gain is lambda * utility + (1 - lambda) * log(residual): the squared
 * distance of its unit vector from the span of those placed, kept exact by one column of the Cholesky factor for each row
 * placed, O(n k) a row. Whoever placed them (pins first), the others are conditioned on all of them.
 *
 * Rows inside the span (duplicates, more rows than dimensions) would make the determinant 0: they come last, by utility. At lambda
 * 1 the order of the utilities is kept exactly.
 */
export class DppSelector implements Selector {
  readonly #lambda: number;
  #items: Uint32Array = new Uint32Array(0);
  #similarity: Similarity | undefined;
  #utilities: Utilities['utilities'] = new Float64Array(0);
  #weighted = new Float64Array(0);
  #residual = new Float64Array(0);
  #column = new Float64Array(0);
  /** The factor's columns one after the other, a value a row. */
  #factor = new Float64Array(0);
  #columns = 0;

  /** `lambda`: weight of utility against the log-determinant, 0 to 1. */
  constructor(lambda: number) {
    this.#lambda = lambda;
  }

  begin({ items, utilities }: Utilities, size: number, similarity: Similarity): void {
    const count = items.length;
    if (this.#weighted.length < count) {
      this.#weighted = new Float64Array(count);
      this.#residual = new Float64Array(count);
      this.#column = new Float64Array(count);
    }
    if (this.#factor.length < count * size) this.#factor = new Float64Array(count * size);
    this.#items = items;
    this.#utilities = utilities;
    this.#similarity = similarity;
    this.#columns = 0;
    for (let row = 0; row < count; row++) this.#weighted[row] = utilities[row] * this.#lambda;
    this.#residual.fill(1, 0, count);
  }

  next(eligible: Uint32Array): number {
    let best = eligible[0];
    let bestGain = this.#gain(best);
    for (let at = 1; at < eligible.length; at++) {
      const row = eligible[at];
      const gain = this.#gain(row);
      if (gain < bestGain) continue;
      if (gain === bestGain && this.#isBehind(row, best)) continue;
      best = row;
      bestGain = gain;
    }
    return best;
  }

  place(row: number): void {
    if (this.#lambda === 1 || this.#similarity === undefined || this.#residual[row] < RESIDUAL_MIN) return;
    const count = this.#items.length;
    const factor = this.#factor;
    const column = this.#column;
    const residual = this.#residual;
    this.#similarity.toRow(row, column);
    for (let earlier = 0, at = 0; earlier < this.#columns; earlier++, at += count) {
      const own = factor[at + row];
      for (let other = 0; other < count; other++) column[other] -= own * factor[at + other];
    }
    const scale = 1 / Math.sqrt(residual[row]);
    const at = this.#columns++ * count;
    for (let other = 0; other < count; other++) {
      const value = column[other] * scale;
      factor[at + other] = value;
      residual[other] -= value * value;
    }
  }

  #gain(row: number): number {
    const residual = this.#residual[row];
    if (this.#lambda === 1) return this.#weighted[row];
    if (residual < RESIDUAL_MIN) return Number.NEGATIVE_INFINITY;
    return this.#weighted[row] + (1 - this.#lambda) * Math.log(residual);
  }

  /** Of rows of equal gain: the lower utility is behind, then the higher ordinal. */
  #isBehind(row: number, best: number): boolean {
    const utilities = this.#utilities;
    if (utilities[row] !== utilities[best]) return utilities[row] < utilities[best];
    return this.#items[row] > this.#items[best];
  }
}
