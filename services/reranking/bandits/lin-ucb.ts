import type { Random } from '../../../common/random.ts';
import type { Arms, Bandit, Outcome, SavedBandit } from './bandit.ts';
import { epsilonGreedy } from './distributions.ts';
import type { LinearPosterior } from './linear-posterior.ts';
import { Projection } from './projection.ts';

/** Deviations that are added to the expected value. */
const ALPHA = 1;

/**
 * LinUCB (Li, Chu, Langford & Schapire 2010) with one model for all arms: the arm of the largest expected value + ALPHA deviations;
 * ties go to the earlier arm. As this is deterministic, epsilon of the choices are spread evenly.
 */
export class LinUcb implements Bandit {
  readonly #posterior: LinearPosterior;
  readonly #epsilon: number;
  readonly #projection = new Projection();

  constructor(posterior: LinearPosterior, epsilon: number) {
    this.#posterior = posterior;
    this.#epsilon = epsilon;
  }

  policy(arms: Arms, _random: Random, out: Float64Array): void {
    const { dimensions } = this.#posterior;
    const { expected, spread } = this.#projection.of(this.#posterior, arms);
    let top = 0;
    let highest = Number.NEGATIVE_INFINITY;
    for (let arm = 0; arm < arms.count; arm++) {
      let squares = 0;
      for (let i = 0; i < dimensions; i++) squares += spread[arm * dimensions + i] ** 2;
      const index = expected[arm] + ALPHA * Math.sqrt(squares) + (arms.bonuses?.[arm] ?? 0);
      if (index <= highest) continue;
      top = arm;
      highest = index;
    }
    epsilonGreedy(top, this.#epsilon, out);
  }

  learn({ arms, chosen, reward }: Outcome): void {
    this.#posterior.add(arms.contexts, chosen * this.#posterior.dimensions, reward);
  }

  save(): SavedBandit {
    return { meta: {}, arrays: { sums: this.#posterior.sums } };
  }
}
