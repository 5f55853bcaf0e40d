import type { Random } from '../../../common/random.ts';
import type { Arms, Bandit, Outcome, SavedBandit } from './bandit.ts';
import { bag } from './distributions.ts';
import type { LinearPosterior } from './linear-posterior.ts';
import { Projection } from './projection.ts';

/** Pairs of samples, each one and its mirror image about the mean. */
const PAIRS = 50;

/**
 * Linear Thompson sampling (Agrawal & Goyal 2013) with one model for all arms, with odds that are known exactly: 100 samples of the
 * posterior vote for their best arms, and the arm that is shown is drawn by the votes. Ties go to the earlier arm.
 */
export class LinearThompson implements Bandit {
  readonly #posterior: LinearPosterior;
  readonly #projection = new Projection();
  readonly #normals: Float64Array;

  constructor(posterior: LinearPosterior) {
    this.#posterior = posterior;
    this.#normals = new Float64Array(PAIRS * posterior.dimensions);
  }

  policy(arms: Arms, random: Random, out: Float64Array): void {
    this.vote(arms, this.draw(random), out);
  }

  /** What samples are made of: standard normals, a row of the posterior's dimensions a pair. Valid until the next ones. */
  draw(random: Random): Float64Array {
    for (let i = 0; i < this.#normals.length; i++) this.#normals[i] = random.normal();
    return this.#normals;
  }

  /** The policy that such normals give, be they drawn here or by another one of the same dimensions. */
  vote(arms: Arms, normals: Float64Array, out: Float64Array): void {
    const { dimensions } = this.#posterior;
    const { expected, spread } = this.#projection.of(this.#posterior, arms);
    const { count, bonuses } = arms;
    if (bonuses !== undefined) for (let arm = 0; arm < count; arm++) expected[arm] += bonuses[arm];
    out.fill(0);
    for (let from = 0; from < normals.length; from += dimensions) {
      let up = 0;
      let down = 0;
      let highest = Number.NEGATIVE_INFINITY;
      let highestMirrored = Number.NEGATIVE_INFINITY;
      for (let arm = 0, at = 0; arm < count; arm++) {
        let deviation = 0;
        for (let i = 0; i < dimensions; i++, at++) deviation += spread[at] * normals[from + i];
        if (expected[arm] + deviation > highest) {
          highest = expected[arm] + deviation;
          up = arm;
        }
        if (expected[arm] - deviation > highestMirrored) {
          highestMirrored = expected[arm] - deviation;
          down = arm;
        }
      }
      out[up]++;
      out[down]++;
    }
    bag(out, out);
  }

  learn({ arms, chosen, reward }: Outcome): void {
    this.#posterior.add(arms.contexts, chosen * this.#posterior.dimensions, reward);
  }

  save(): SavedBandit {
    return { meta: {}, arrays: { sums: this.#posterior.sums } };
  }
}
