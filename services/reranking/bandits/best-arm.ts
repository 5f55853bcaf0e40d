/** Cells of the grid that the probabilities are integrated on. */
const CELLS = 32;
/** Standard deviations beyond which a value counts as impossible. */
const REACH = 5;

/** Where the value of an arm may lie, as its posterior has it. */
export interface ValueBelief {
  readonly mean: number;
  readonly deviation: number;
  /** The probability of a value up to `value`. */
  cumulative(value: number): number;
}

/**
 * The probability of each arm to have the largest value, where the values are independent: the sum over cells of a grid of the
 * probability that the largest lies in the cell and is this arm's. This is what Thompson sampling's choice is distributed by, without
 * the noise of samples: it follows from the posteriors alone. An arm's share of a cell is that of the increase of the logarithm of its
 * cumulative probability. `beliefs` has `out.length` of them. Memory is reused.
 */
export class BestArm {
  #below = new Float64Array(0);
  #shares = new Float64Array(0);

  probabilities(beliefs: readonly ValueBelief[], out: Float64Array): void {
    const count = out.length;
    let low = Number.NEGATIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let arm = 0; arm < count; arm++) {
      const { mean, deviation } = beliefs[arm];
      low = Math.max(low, mean - REACH * deviation);
      high = Math.max(high, mean + REACH * deviation);
    }
    if (this.#below.length < count) {
      this.#below = new Float64Array(count);
      this.#shares = new Float64Array(count);
    }
    const below = this.#below;
    for (let arm = 0; arm < count; arm++) below[arm] = beliefs[arm].cumulative(low);
    out.fill(0);
    const width = (high - low) / CELLS;
    for (let cell = 1; cell <= CELLS; cell++) this.#addCell(beliefs, low + cell * width, out);
    let sum = 0;
    for (let arm = 0; arm < count; arm++) sum += out[arm];
    for (let arm = 0; arm < count; arm++) out[arm] = sum > 0 ? out[arm] / sum : 1 / count;
  }

  /** The cell that ends at `upper`; the arms' probabilities up to its start are in `#below`. */
  #addCell(beliefs: readonly ValueBelief[], upper: number, out: Float64Array): void {
    const below = this.#below;
    const shares = this.#shares;
    let before = 1;
    let after = 1;
    let sum = 0;
    for (let arm = 0; arm < out.length; arm++) {
      const cumulative = Math.max(below[arm], beliefs[arm].cumulative(upper));
      before *= below[arm];
      after *= cumulative;
      shares[arm] = cumulative > below[arm] ? (cumulative - below[arm]) / (cumulative + below[arm]) : 0;
      sum += shares[arm];
      below[arm] = cumulative;
    }
    if (sum === 0) return;
    const scale = (after - before) / sum;
    for (let arm = 0; arm < out.length; arm++) out[arm] += scale * shares[arm];
  }
}
