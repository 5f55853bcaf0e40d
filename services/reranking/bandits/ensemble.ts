import type { Random } from '../../../common/random.ts';
import type { Arms, Bandit, Outcome, SavedBandit } from './bandit.ts';
import type { LinearPosterior } from './linear-posterior.ts';
import { LinearThompson } from './linear-thompson.ts';
import { Projection } from './projection.ts';

/** Half-life of values and evidence, in half-lives of the shortest memory. */
const RECENCY = 0.3;
/** Weight of a unit of value, in standard deviations of the reward. */
const LEARNING_RATE = 4;
/** The least weight of a member: what lets it be found good again. */
const WEIGHT_MIN = 0.005;
/** How far importance weights count (Su et al. 2020, "optimistic shrinkage"); 0: not at all, infinite: as they are. */
const SHRINKAGE = 0.1;
/** Half-life of the reward's variance, in outcomes. */
const VARIANCE_HALF_LIFE = 1_000;

/** What an ensemble knows beside its members' posteriors. */
export interface EnsembleState {
  /** Sum of each member's recent off-policy values. */
  readonly values: Float64Array;
  /** Recent log-likelihood of the rewards under each member. */
  readonly evidence: Float64Array;
  /** Number, sum and sum of squares of recent rewards. */
  readonly moments: Float64Array;
}

/**
 * Linear Thompson sampling with several memories, of which each gets the weight that its recent value off-policy earns: w ∝ exp(rate ·
 * Σ v / σ), with a floor (exponential weights over bandits: Auer et al. 2002; Agarwal et al. 2017, "Corralling"). All members learn from
 * all outcomes. The value v of a member's policy at an outcome is doubly robust (Dudík et al. 2011) with shrunken importance weights: what
 * the members' average model expects of its choice, corrected by how wrong that model was. In the average a member counts by
 * its recent likelihood, so that after a change the short memory soon tells what the long ones' choices are worth.
 */
export class Ensemble implements Bandit {
  readonly #posteriors: readonly LinearPosterior[];
  readonly #members: readonly LinearThompson[];
  readonly #projections: readonly Projection[];
  readonly #state: EnsembleState;
  readonly #fade: number;
  readonly weights: Float64Array;
  #policies: readonly Float64Array[] = [];

  /** `posteriors`: one a member; `shortest`: the shortest half-life among them. */
  constructor(posteriors: readonly LinearPosterior[], shortest: number, state: EnsembleState) {
    this.#posteriors = posteriors;
    this.#members = posteriors.map((posterior) => new LinearThompson(posterior));
    this.#projections = posteriors.map(() => new Projection());
    this.#state = state;
    this.#fade = 2 ** (-1 / (RECENCY * shortest));
    this.weights = new Float64Array(posteriors.length);
    this.#weigh();
  }

  policy(arms: Arms, random: Random, out: Float64Array): void {
    if (this.#policies[0]?.length !== arms.count)
      this.#policies = this.#members.map(() => new Float64Array(arms.count));
    out.fill(0);
    for (const [m, member] of this.#members.entries()) {
      const policy = this.#policies[m];
      member.policy(arms, random, policy);
      for (let arm = 0; arm < arms.count; arm++) out[arm] += this.weights[m] * policy[arm];
    }
  }

  learn(outcome: Outcome, random: Random): void {
    const { arms, chosen, probability, reward } = outcome;
    this.policy(arms, random, new Float64Array(arms.count));
    const expected = this.#expect(outcome);
    const { values, moments } = this.#state;
    const surprise = reward - expected[chosen];
    for (let m = 0; m < values.length; m++) {
      const policy = this.#policies[m];
      const importance = policy[chosen] / probability;
      let value = ((SHRINKAGE * importance) / (importance * importance + SHRINKAGE)) * surprise;
      for (let arm = 0; arm < arms.count; arm++) value += policy[arm] * expected[arm];
      values[m] = values[m] * this.#fade + value;
    }
    const kept = 2 ** (-1 / VARIANCE_HALF_LIFE);
    for (let power = 0; power < moments.length; power++)
      moments[power] = moments[power] * kept + reward ** power;
    this.#weigh();
    for (const posterior of this.#posteriors)
      posterior.add(arms.contexts, chosen * posterior.dimensions, reward);
  }

  save(): SavedBandit {
    const members = this.#posteriors.map(({ sums }, m) => [`sums${m}`, sums] as const);
    return { meta: {}, arrays: { ...this.#state, ...Object.fromEntries(members) } };
  }

  /** The average model's expectation of each arm; takes the reward into the members' evidence. */
  #expect({ arms, chosen, reward }: Outcome): Float64Array {
    const { evidence } = this.#state;
    const expected = new Float64Array(arms.count);
    const strongest = Math.max(...evidence);
    const shares = evidence.map((logarithm) => Math.exp(logarithm - strongest));
    const sum = shares.reduce((a, b) => a + b, 0);
    for (const [m, posterior] of this.#posteriors.entries()) {
      const own = this.#projections[m].of(posterior, arms);
      for (let arm = 0; arm < arms.count; arm++) expected[arm] += (shares[m] / sum) * own.expected[arm];
      let variance = posterior.variance;
      for (let i = 0; i < posterior.dimensions; i++)
        variance += own.spread[chosen * posterior.dimensions + i] ** 2;
      const likelihood = -0.5 * Math.log(variance) - (reward - own.expected[chosen]) ** 2 / (2 * variance);
      evidence[m] = evidence[m] * this.#fade + likelihood;
    }
    return expected;
  }

  #weigh(): void {
    const { values, moments } = this.#state;
    const { weights } = this;
    const outcomes = moments[0] + 1;
    const deviation = Math.sqrt((moments[2] + 0.25) / outcomes - (moments[1] / outcomes) ** 2);
    const rate = LEARNING_RATE / Math.max(1e-3, deviation);
    const best = Math.max(...values);
    let sum = 0;
    for (let m = 0; m < weights.length; m++) {
      weights[m] = Math.exp(rate * (values[m] - best));
      sum += weights[m];
    }
    for (let m = 0; m < weights.length; m++)
      weights[m] = (weights[m] / sum) * (1 - WEIGHT_MIN * weights.length) + WEIGHT_MIN;
  }
}
