import type { ExactNoise } from './exact-noise.ts';
import { type Ratio, ratioAtMost, ratioValue } from './ratio.ts';

/** Randomises one of `k` values where it arises, so that nobody who keeps the reports knows it; ε-private in the local model. */
export interface LocalMechanism {
  /** The report of the value with index `value`: the indexes that it names. */
  report(value: number, noise: ExactNoise): number[];
  /** Share of each value with the ends of its 99% interval, from how many of `reports` name each. Unbiased. */
  estimate(named: readonly number[], reports: number): ShareEstimate[];
}

/** An estimated share of users; unbiased, so it may lie outside [0, 1]. */
export interface ShareEstimate {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

export type LocalKind = 'krr' | 'oue';

/** Standard normal quantile of 0.995. */
const Z_99 = 2.5758293035489004;

/**
 * k-ary randomised response (Kairouz, Oh, Viswanath 2014), or optimised unary encoding (Wang, Blocki, Li, Jha, "Locally
 * Differentially Private Protocols for Frequency Estimation", USENIX Security 2017), which is better where k > 3 e^ε + 2. Both laws are
 * drawn exactly, for the largest ε not above the given one that has 20 bits.
 */
export function localMechanism(kind: LocalKind, k: number, epsilon: number): LocalMechanism {
  const exact = ratioAtMost(epsilon);
  return kind === 'krr' ? randomisedResponse(k, exact) : unaryEncoding(k, exact);
}

function randomisedResponse(k: number, epsilon: Ratio): LocalMechanism {
  const other = Math.exp(-ratioValue(epsilon));
  const [truth, lie] = [1 / (1 + (k - 1) * other), other / (1 + (k - 1) * other)];
  return {
    // The true value weighs 1 and each other one e^−ε.
    report: (value, noise) => {
      for (;;) {
        const drawn = noise.bits.below(k);
        if (drawn === value || noise.bernoulliExp(epsilon.over, epsilon.under)) return [drawn];
      }
    },
    estimate: (named, reports) => named.map((count) => estimated(count, reports, truth, lie)),
  };
}

function unaryEncoding(k: number, epsilon: Ratio): LocalMechanism {
  const lie = 1 / (1 + Math.exp(ratioValue(epsilon)));
  const lies = (noise: ExactNoise): boolean => {
    for (;;) {
      if (noise.bits.bit() === 0) return false;
      if (noise.bernoulliExp(epsilon.over, epsilon.under)) return true;
    }
  };
  return {
    report: (value, noise) => {
      const indexes: number[] = [];
      for (let i = 0; i < k; i++) if (i === value ? noise.bits.bit() === 1 : lies(noise)) indexes.push(i);
      return indexes;
    },
    estimate: (named, reports) => named.map((count) => estimated(count, reports, 0.5, lie)),
  };
}

/** `truth` and `lie`: the probabilities that a report names a value that is the true one, and one that is not. */
function estimated(count: number, reports: number, truth: number, lie: number): ShareEstimate {
  const share = (count / reports - lie) / (truth - lie);
  const held = Math.min(1, Math.max(0, share));
  const variance = held * truth * (1 - truth) + (1 - held) * lie * (1 - lie);
  const half = (Z_99 * Math.sqrt(variance / reports)) / (truth - lie);
  return { share, low: share - half, high: share + half };
}
