import { type FillBytes, RandomBits } from './random-bits.ts';
import type { Ratio } from './ratio.ts';

const NUMERATOR_MAX = 2 ** 21;

/**
 * Discrete noise by integer arithmetic alone: the laws are exact, and no floating-point number is near the random ones.
 * Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy" (NeurIPS 2020), algorithms 1 to 3. The time that a draw
 * takes depends on what is drawn.
 */
export class ExactNoise {
  readonly bits: RandomBits;

  /** `fill`: see `RandomBits`. */
  constructor(fill?: FillBytes) {
    this.bits = new RandomBits(fill);
  }

  /** True with probability exp(−over / under); over ≥ 0, under ≥ 1, under below 2^40. */
  bernoulliExp(over: number, under: number): boolean {
    let rest = over;
    for (; rest > under; rest -= under) if (!this.#bernoulliExpFraction(1, 1)) return false;
    return this.#bernoulliExpFraction(rest, under);
  }

  /** An integer k with probability proportional to exp(−|k| / scale); the scale's parts are below 2^40. */
  discreteLaplace({ over, under }: Ratio): number {
    for (;;) {
      const rest = this.bits.below(over);
      if (!this.#bernoulliExpFraction(rest, over)) continue;
      let whole = 0;
      while (this.#bernoulliExpFraction(1, 1)) whole++;
      const magnitude = Math.floor((rest + whole * over) / under);
      const negative = this.bits.bit() === 1;
      if (negative && magnitude === 0) continue;
      return negative ? -magnitude : magnitude;
    }
  }

  /** An integer k with probability proportional to exp(−k² / (2 · variance)). */
  discreteGaussian(variance: Ratio): number {
    const { over, under } = variance;
    const scale = Math.floor(Math.sqrt(over / under)) + 1;
    const laplace = { over: scale, under: 1 };
    const isSmall = over <= NUMERATOR_MAX && under <= NUMERATOR_MAX;
    for (;;) {
      const drawn = this.discreteLaplace(laplace);
      const magnitude = Math.abs(drawn);
      const kept = isSmall
        ? this.#keepsSmall(magnitude, scale, variance)
        : this.#keeps(BigInt(magnitude), BigInt(scale), BigInt(over), BigInt(under));
      if (kept) return drawn;
    }
  }

  /** True with probability exp(−(|k| − variance / scale)² / (2 · variance)). */
  #keepsSmall(magnitude: number, scale: number, { over, under }: Ratio): boolean {
    const distance = magnitude * under * scale - over;
    const divisor = 2 * over * under * scale * scale;
    const square = distance * distance;
    if (square <= Number.MAX_SAFE_INTEGER && divisor < 2 ** 40) return this.bernoulliExp(square, divisor);
    return this.#keeps(BigInt(magnitude), BigInt(scale), BigInt(over), BigInt(under));
  }

  #keeps(magnitude: bigint, scale: bigint, over: bigint, under: bigint): boolean {
    const distance = magnitude * under * scale - over;
    const divisor = 2n * over * under * scale * scale;
    let rest = distance * distance;
    for (; rest > divisor; rest -= divisor) if (!this.#bernoulliExpFraction(1, 1)) return false;
    for (let k = 1n; ; k++) if (this.bits.belowBig(divisor * k) >= rest) return (k & 1n) === 1n;
  }

  /** True with probability exp(−over / under), over ≤ under. */
  #bernoulliExpFraction(over: number, under: number): boolean {
    for (let k = 1; ; k++) if (this.bits.below(under * k) >= over) return (k & 1) === 1;
  }
}
