import { type PrivacyLoss, rhoOf } from './accountant.ts';
import type { ExactNoise } from './exact-noise.ts';
import { discreteLaplaceVariance } from './noise-laws.ts';
import { type Ratio, ratioAtLeast, ratioValue } from './ratio.ts';

/** Integer noise for a vector of integers, and what releasing that vector costs a user. */
export interface NoiseMechanism {
  /** Noise for one entry. */
  draw(noise: ExactNoise): number;
  /** Of the noise. */
  readonly standardDeviation: number;
  readonly loss: PrivacyLoss;
}

/** How far one user can move a vector of integers: by at most `each` (summed without signs) in each of `parts` parts of it. */
export interface Sensitivity {
  readonly parts: number;
  readonly each: number;
}

/** What may be lost, δ included. */
export interface PrivacyTarget {
  readonly epsilon: number;
  readonly delta: number;
}

/** Either kind of noise. */
export type NoiseKind = 'laplace' | 'gaussian';

/** Noise with which the vector is (ε, δ)-private; Laplace noise needs no δ. */
export function noiseMechanism(
  kind: NoiseKind,
  sensitivity: Sensitivity,
  { epsilon, delta }: PrivacyTarget,
): NoiseMechanism {
  return kind === 'laplace' ? laplace(sensitivity, epsilon) : gaussian(sensitivity, epsilon, delta);
}

function laplace({ parts, each }: Sensitivity, epsilon: number): NoiseMechanism {
  const scale = ratioAtLeast((parts * each) / epsilon);
  return {
    draw: (noise) => noise.discreteLaplace(scale),
    standardDeviation: Math.sqrt(discreteLaplaceVariance(scale)),
    loss: { pure: [{ epsilon: each / ratioValue(scale), times: parts }], rho: 0, delta: 0 },
  };
}

/** σ follows from zero-concentrated privacy, which holds for the discrete law in any dimension (Canonne, Kamath, Steinke 2020). */
function gaussian({ parts, each }: Sensitivity, epsilon: number, delta: number): NoiseMechanism {
  const square = parts * each * each;
  const variance: Ratio = ratioAtLeast(square / (2 * rhoOf(epsilon, delta)));
  return {
    draw: (noise) => noise.discreteGaussian(variance),
    standardDeviation: Math.sqrt(ratioValue(variance)),
    loss: { pure: [], rho: square / (2 * ratioValue(variance)), delta: 0 },
  };
}
