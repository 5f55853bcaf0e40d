/** Weight of the prior N(0, 1 / PRIOR) of each coefficient. */
const PRIOR = 1;
/** The variance of rewards before any is known, and how many outcomes it is worth. */
const PRIOR_VARIANCE = 0.25;
const PRIOR_OUTCOMES = 2;
const VARIANCE_MIN = 1e-6;

/**
 * Bayesian linear regression of rewards on contexts, of which each outcome counts half after `halfLife` later ones: coefficients are
 * N(mean, variance * (PRIOR I + S)^-1), S being the sum of outer products (Agrawal & Goyal 2013). The variance is that of the
 * residuals, because clicks of 2% vary much less than those of 50%.
 */
export class LinearPosterior {
  readonly dimensions: number;
  readonly #mean: Float64Array;
  #variance = PRIOR_VARIANCE;
  /** Products, row by row; then sums of context times reward; then outcomes and squares of rewards. */
  readonly #sums: Float64Array;
  readonly #fade: number;
  /** Lower triangle of the Cholesky factor of the precision. */
  readonly #factor: Float64Array;
  #isSolved = false;

  constructor(dimensions: number, halfLife: number, sums?: Float64Array) {
    this.dimensions = dimensions;
    this.#mean = new Float64Array(dimensions);
    this.#fade = 2 ** (-1 / halfLife);
    this.#sums = sums?.slice() ?? new Float64Array(LinearPosterior.length(dimensions));
    this.#factor = new Float64Array(dimensions * dimensions);
  }

  /** The values in `sums`. */
  static length(dimensions: number): number {
    return dimensions * (dimensions + 1) + 2;
  }

  /** All that was learnt. */
  get sums(): Float64Array {
    return this.#sums;
  }

  /** Coefficients. */
  get mean(): Float64Array {
    if (!this.#isSolved) this.#solve();
    return this.#mean;
  }

  /** That of rewards about what the coefficients expect. */
  get variance(): number {
    if (!this.#isSolved) this.#solve();
    return this.#variance;
  }

  /** Takes in the reward of the context that begins at `from`. */
  add(contexts: Float32Array, from: number, reward: number): void {
    const { dimensions } = this;
    const sums = this.#sums;
    if (this.#fade < 1) for (let i = 0; i < sums.length; i++) sums[i] *= this.#fade;
    const vector = dimensions * dimensions;
    for (let i = 0; i < dimensions; i++) {
      const value = contexts[from + i];
      sums[vector + i] += value * reward;
      for (let j = 0; j < dimensions; j++) sums[i * dimensions + j] += value * contexts[from + j];
    }
    sums[vector + dimensions] += 1;
    sums[vector + dimensions + 1] += reward * reward;
    this.#isSolved = false;
  }

  /**
   * Writes of each of `count` contexts its expected value, and into `spread` the vector of `dimensions` values by which a standard
   * normal vector is multiplied to get the deviation of its value in a sample of the posterior.
   */
  project(contexts: Float32Array, count: number, expected: Float64Array, spread: Float64Array): void {
    const { dimensions, mean, variance } = this;
    const factor = this.#factor;
    const deviation = Math.sqrt(variance);
    for (let row = 0, at = 0; row < count; row++, at += dimensions) {
      let value = 0;
      for (let i = 0; i < dimensions; i++) {
        value += contexts[at + i] * mean[i];
        let left = contexts[at + i];
        for (let j = 0; j < i; j++) left -= factor[i * dimensions + j] * spread[at + j];
        spread[at + i] = left / factor[i * dimensions + i];
      }
      expected[row] = value;
      for (let i = 0; i < dimensions; i++) spread[at + i] *= deviation;
    }
  }

  #solve(): void {
    const { dimensions } = this;
    const mean = this.#mean;
    const factor = this.#factor;
    const sums = this.#sums;
    const vector = dimensions * dimensions;
    for (let i = 0; i < dimensions; i++) {
      for (let j = 0; j <= i; j++) {
        let left = sums[i * dimensions + j] + (i === j ? PRIOR : 0);
        for (let k = 0; k < j; k++) left -= factor[i * dimensions + k] * factor[j * dimensions + k];
        factor[i * dimensions + j] =
          i === j ? Math.sqrt(Math.max(left, 1e-12)) : left / factor[j * dimensions + j];
      }
    }
    let explained = 0;
    for (let i = 0; i < dimensions; i++) {
      let left = sums[vector + i];
      for (let j = 0; j < i; j++) left -= factor[i * dimensions + j] * mean[j];
      mean[i] = left / factor[i * dimensions + i];
      explained += mean[i] * mean[i];
    }
    for (let i = dimensions - 1; i >= 0; i--) {
      let left = mean[i];
      for (let j = i + 1; j < dimensions; j++) left -= factor[j * dimensions + i] * mean[j];
      mean[i] = left / factor[i * dimensions + i];
    }
    const outcomes = sums[vector + dimensions] + PRIOR_OUTCOMES;
    const residuals = PRIOR_OUTCOMES * PRIOR_VARIANCE + sums[vector + dimensions + 1] - explained;
    this.#variance = Math.max(VARIANCE_MIN, residuals / outcomes);
    this.#isSolved = true;
  }
}
