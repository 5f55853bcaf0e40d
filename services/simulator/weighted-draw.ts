import type { Random } from '../../common/random.ts';

/** Draws indices with probability ∝ exp(logit), by inversion of the cumulative weights. */
export class WeightedDraw {
  readonly #cumulative: Float64Array;

  constructor(size: number) {
    this.#cumulative = new Float64Array(size);
  }

  /** Replaces the weights. `logits` has as many finite elements as the draw was made for. */
  setLogits(logits: Float32Array): void {
    let largest = Number.NEGATIVE_INFINITY;
    for (const logit of logits) if (logit > largest) largest = logit;
    let sum = 0;
    for (let i = 0; i < logits.length; i++) {
      sum += Math.exp(logits[i] - largest);
      this.#cumulative[i] = sum;
    }
  }

  draw(random: Random): number {
    const cumulative = this.#cumulative;
    const target = random.next() * cumulative[cumulative.length - 1];
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle] > target) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
