import type { PrivacyLoss } from './accountant.ts';
import type { ExactNoise } from './exact-noise.ts';
import { ratioAtLeast, ratioValue } from './ratio.ts';

/** Decides which groups may be named, by the number of users in each. */
export interface PartitionSelection {
  /** Whether a group of so many users is named. */
  selects(users: number, noise: ExactNoise): boolean;
  /** The least number of users at which a group is always named. */
  readonly usersSure: number;
  readonly loss: PrivacyLoss;
}

/**
 * Optimal selection (Desfontaines, Voss, Gipson, Mandayam, "Differentially private partition selection", PoPETs 2022): a group is named if
 * its users plus discrete Laplace noise, cut off symmetrically at `k`, exceed `k`. A group without users is never named, one
 * of a single user with probability δ at most. `parts`: groups that one user may be in; ε and δ are split among them.
 */
export function partitionSelection(epsilon: number, delta: number, parts: number): PartitionSelection {
  const scale = ratioAtLeast(parts / epsilon);
  const each = 1 / ratioValue(scale);
  const k = cutOff(each, delta / parts);
  return {
    selects: (users, noise) => {
      if (users === 0) return false;
      if (users > 2 * k) return true;
      for (;;) {
        const drawn = noise.discreteLaplace(scale);
        if (Math.abs(drawn) <= k) return users + drawn > k;
      }
    },
    usersSure: 2 * k + 1,
    loss: { pure: [{ epsilon: each, times: parts }], rho: 0, delta },
  };
}

/** The least k at which noise cut off at k is k with probability δ at most. */
function cutOff(epsilon: number, delta: number): number {
  const atEnd = (k: number): number =>
    (Math.exp(-k * epsilon) * -Math.expm1(-epsilon)) /
    (1 + Math.exp(-epsilon) - 2 * Math.exp(-(k + 1) * epsilon));
  let high = 1;
  while (atEnd(high) > delta) high *= 2;
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (atEnd(middle) > delta) low = middle;
    else high = middle;
  }
  return high;
}
