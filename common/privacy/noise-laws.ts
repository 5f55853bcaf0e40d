import type { Ratio } from './ratio.ts';
import { ratioValue } from './ratio.ts';

/** Probability of `k` under the discrete Laplace law: tanh(1 / (2 · scale)) · exp(−|k| / scale). */
export function discreteLaplaceProbability(k: number, scale: Ratio): number {
  const rate = scale.under / scale.over;
  return Math.tanh(rate / 2) * Math.exp(-Math.abs(k) * rate);
}

/** Probability of `k` under the discrete Gaussian law. */
export function discreteGaussianProbability(k: number, variance: Ratio): number {
  const twice = 2 * ratioValue(variance);
  let total = 1;
  for (let i = 1; ; i++) {
    const term = Math.exp((-i * i) / twice);
    total += 2 * term;
    if (term < 1e-20) break;
  }
  return Math.exp((-k * k) / twice) / total;
}

/** Variance of the discrete Laplace law. */
export function discreteLaplaceVariance(scale: Ratio): number {
  const sinh = Math.sinh(scale.under / scale.over / 2);
  return 1 / (2 * sinh * sinh);
}
