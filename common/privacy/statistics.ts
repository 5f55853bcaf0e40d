import type { PrivacyLoss } from './accountant.ts';
import type { ExactNoise } from './exact-noise.ts';
import { ceilPowerOfTwo, roundToMultiple } from './grid.ts';
import { type NoiseKind, type NoiseMechanism, noiseMechanism, type PrivacyTarget } from './mechanisms.ts';
import { TREE_LEVELS } from './quantile-tree.ts';

/** What of one user counts: groups, and rows in each. */
export interface Contribution {
  readonly groups: number;
  readonly perGroup: number;
}

/** Values are clamped to these. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** How noise is made and what it may cost. */
export interface NoiseChoice extends PrivacyTarget {
  readonly kind: NoiseKind;
}

/** Steps of the grid within the noise's scale, so that rounding a user's amount costs no accuracy and sums stay whole in a double. */
const STEPS_PER_SCALE = 2 ** 24;

/** Counts of rows by group; also of rows by bucket, where a user's rows of a group are spread over its buckets. */
export function countMechanism({ groups, perGroup }: Contribution, choice: NoiseChoice): NoiseMechanism {
  return noiseMechanism(choice.kind, { parts: groups, each: perGroup }, choice);
}

/** Counts of the nodes of a `treeQuantiles` tree by group. */
export function treeMechanism({ groups, perGroup }: Contribution, choice: NoiseChoice): NoiseMechanism {
  return noiseMechanism(choice.kind, { parts: groups * TREE_LEVELS, each: perGroup }, choice);
}

/** Sums by group, in steps of a power of two. */
export class SumMechanism {
  /** The size of a step. Every released sum is a multiple of it. */
  readonly granularity: number;
  /** The most steps that one user adds to a group. */
  readonly stepsMax: number;
  readonly #noise: NoiseMechanism;

  constructor({ groups, perGroup }: Contribution, { low, high }: Bounds, choice: NoiseChoice) {
    const amount = perGroup * Math.max(Math.abs(low), Math.abs(high));
    const { standardDeviation } = noiseMechanism(
      choice.kind,
      { parts: groups, each: STEPS_PER_SCALE },
      choice,
    );
    this.granularity = ceilPowerOfTwo((amount * standardDeviation) / STEPS_PER_SCALE ** 2);
    this.stepsMax = Math.ceil(amount / this.granularity);
    this.#noise = noiseMechanism(choice.kind, { parts: groups, each: this.stepsMax }, choice);
  }

  get loss(): PrivacyLoss {
    return this.#noise.loss;
  }

  /** Of a released sum. */
  get standardDeviation(): number {
    return this.#noise.standardDeviation * this.granularity;
  }

  /** A user's amount in one group as whole steps, at most `stepsMax`. */
  steps(amount: number): number {
    const steps = roundToMultiple(amount, this.granularity) / this.granularity;
    return Math.min(this.stepsMax, Math.max(-this.stepsMax, steps));
  }

  /** The sum of `steps` in the values' unit, with noise. */
  release(steps: number, noise: ExactNoise): number {
    return (steps + this.#noise.draw(noise)) * this.granularity;
  }
}

/**
 * Means by group: the sum of the values' distances from the middle of their bounds, divided by the count, half of ε and δ each (Li,
 * Lyu, Su, Yang, "Differential Privacy: From Theory to Practice", 2016, algorithm 2.4).
 */
export class MeanMechanism {
  readonly sum: SumMechanism;
  readonly middle: number;
  readonly #count: NoiseMechanism;
  readonly #bounds: Bounds;

  constructor(contribution: Contribution, bounds: Bounds, choice: NoiseChoice) {
    const half = { ...choice, epsilon: choice.epsilon / 2, delta: choice.delta / 2 };
    const reach = (bounds.high - bounds.low) / 2;
    this.middle = bounds.low + reach;
    this.sum = new SumMechanism(contribution, { low: -reach, high: reach }, half);
    this.#count = countMechanism(contribution, half);
    this.#bounds = bounds;
  }

  get losses(): PrivacyLoss[] {
    return [this.sum.loss, this.#count.loss];
  }

  /** `steps`: the users' amounts, each the sum of value − middle. `deviation` is that of the mean's noise, to first order. */
  release(
    { steps, count }: { steps: number; count: number },
    noise: ExactNoise,
  ): { mean: number; deviation: number } {
    const { low, high } = this.#bounds;
    const noisyCount = Math.max(1, count + this.#count.draw(noise));
    const distance = this.sum.release(steps, noise) / noisyCount;
    const deviation =
      Math.hypot(this.sum.standardDeviation, distance * this.#count.standardDeviation) / noisyCount;
    return { mean: Math.min(high, Math.max(low, this.middle + distance)), deviation };
  }
}
