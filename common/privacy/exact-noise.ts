import { type FillBytes, RandomBits } from './random-bits.ts';
import type { Ratio } from './ratio.ts';

/** Base of the digits that a uniform number is drawn by. */
const DIGIT = 2 ** 53;
/** Of a quotient in (0, 1] in doubles, times `DIGIT`; four roundings make 4 at most. */
const DIGIT_ERROR_MAX = 64;

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
  discreteGaussian({ over, under }: Ratio): number {
    const scale = Math.floor(Math.sqrt(over / under)) + 1;
    const laplace = { over: scale, under: 1 };
    for (;;) {
      const drawn = this.discreteLaplace(laplace);
      if (this.#keeps(BigInt(Math.abs(drawn)), BigInt(scale), BigInt(over), BigInt(under))) return drawn;
    }
  }

  /** True with probability exp(−(|k| − variance / scale)² / (2 · variance)). */
  #keeps(magnitude: bigint, scale: bigint, over: bigint, under: bigint): boolean {
    const distance = magnitude * under * scale - over;
    const divisor = 2n * over * under * scale * scale;
    let rest = distance * distance;
    for (; rest > divisor; rest -= divisor) if (!this.#bernoulliExpFraction(1, 1)) return false;
    const share = Number(rest) / Number(divisor);
    for (let k = 1; ; k++) if (!this.#bernoulli(share / k, rest, divisor * BigInt(k))) return (k & 1) === 1;
  }

  /** True with probability over / under. `near`, that quotient in doubles, decides where its error cannot matter. */
  #bernoulli(near: number, over: bigint, under: bigint): boolean {
    const drawn = this.bits.below(DIGIT);
    const expected = near * DIGIT;
    if (drawn < expected - DIGIT_ERROR_MAX) return true;
    if (drawn > expected + DIGIT_ERROR_MAX) return false;
    // Digit by digit: the binary expansion of the quotient against that of the uniform number.
    for (let [rest, digit] = [over, BigInt(drawn)]; ; digit = BigInt(this.bits.below(DIGIT))) {
      const scaled = rest * BigInt(DIGIT);
      const whole = scaled / under;
      if (digit !== whole) return digit < whole;
      rest = scaled % under;
    }
  }

  /** True with probability exp(−over / under), over ≤ under. */
  #bernoulliExpFraction(over: number, under: number): boolean {
    for (let k = 1; ; k++) if (this.bits.below(under * k) >= over) return (k & 1) === 1;
  }
}
