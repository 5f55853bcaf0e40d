import type { Random } from '../../../common/random.ts';
import type { Arms, Bandit, Outcome, SavedBandit } from './bandit.ts';
import { normalise, softmax } from './distributions.ts';
import type { LinearPosterior } from './linear-posterior.ts';
import { LinearThompson } from './linear-thompson.ts';

/** Names what `EnsembleState` means; another meaning needs another name. */
export const ENSEMBLE = 'ensemble.v2';
/** Half-life of what members are valued by, and of the evidence for their models, in half-lives of the shortest memory. */
const RECENCY = 1;
/** Weight of a unit of value, in standard deviations of the reward. */
const LEARNING_RATE = 4;
/** Log of the Bayes factor from which a member's model is refuted: "very strong" evidence (Kass & Raftery 1995). */
const REFUTED = Math.log(150);
/** What a member that is not the best may cost, as a share of the regret that the ensemble expects of itself. */
const REGRET_SHARE = 0.03;
/** How far importance weights count (Su et al. 2020, "optimistic shrinkage"); 0: not at all, infinite: as they are. */
const SHRINKAGE = 0.1;
/** Keeps the least weights finite while no regret is expected. */
const REGRET_MIN = 1e-9;
/** Half-life of the reward's variance, in outcomes. */
const VARIANCE_HALF_LIFE = 1_000;

/** What an ensemble knows of recent outcomes beside its members' posteriors. */
export interface EnsembleState {
  /** A row a member: sum of the contexts that its policy takes, less those of the choices that correct its value. */
  readonly features: Float64Array;
  /** Of each member: sum of the rewards that correct its value. */
  readonly rewards: Float64Array;
  /** Of each member: log-likelihood of the rewards under its model. */
  readonly evidence: Float64Array;
  /** One value: sum of what the ensemble's policy was expected to lose to the best arms. */
  readonly regret: Float64Array;
  /** Number, sum and sum of squares of rewards. */
  readonly moments: Float64Array;
}

/**
 * Linear Thompson sampling with several memories, each weighted by the value V that its recent policy has off-policy:
 * w ∝ exp(rate · V / σ) + share · R / (R + max V − V). The first term is exponential weights over bandits (Auer et al. 2002; Agarwal et
 * al. 2017, "Corralling"). A member has none of it while recent rewards refute its model against another's: its certainty would keep
 * arms from being tried that a change has made better. The second term keeps each member in play by the inverse of its gap (Foster &
 * Rakhlin 2020), so that none costs more than its share of R, the regret that the ensemble expects of itself. To balance regret and to
 * drop what its own claims refute is what Pacchiano et al. 2020 do to bandits of known bounds.
 *
 * All members learn from all outcomes. V is doubly robust (Dudík et al. 2011) with shrunken importance weights: what the members' average
 * model expects of the policy's choices, corrected by how wrong it was on those that were made. As models are linear, what is kept are
 * feature expectations (Abbeel & Ng 2004): after a change recent choices are at once worth what the model of now says. In the
 * average a member counts by its recent likelihood.
 */
export class Ensemble implements Bandit {
  readonly #posteriors: readonly LinearPosterior[];
  readonly #members: readonly LinearThompson[];
  readonly #state: EnsembleState;
  readonly #fade: number;
  readonly #dimensions: number;
  /** Of the average model. */
  readonly #coefficients: Float64Array;
  readonly #values: Float64Array;
  readonly #expected = new Float64Array(1);
  readonly #spread: Float64Array;
  readonly weights: Float64Array;
  /** Each member's policy of the latest arms, and the mixture of the latest that was learnt from. */
  #policies: readonly Float64Array[] = [];
  #mixture = new Float64Array(0);

  /** `posteriors`: one a member, all of the same dimensions; `shortest`: the shortest half-life among them. */
  constructor(posteriors: readonly LinearPosterior[], shortest: number, state: EnsembleState) {
    const [{ dimensions }] = posteriors;
    this.#posteriors = posteriors;
    this.#members = posteriors.map((posterior) => new LinearThompson(posterior));
    this.#state = state;
    this.#fade = 2 ** (-1 / (RECENCY * shortest));
    this.#dimensions = dimensions;
    this.#coefficients = new Float64Array(dimensions);
    this.#values = new Float64Array(posteriors.length);
    this.#spread = new Float64Array(dimensions);
    this.weights = new Float64Array(posteriors.length);
    this.#weigh();
  }

  policy(arms: Arms, random: Random, out: Float64Array): void {
    if (this.#policies[0]?.length !== arms.count)
      this.#policies = this.#members.map(() => new Float64Array(arms.count));
    const normals = this.#members[0].draw(random);
    out.fill(0);
    for (const [m, member] of this.#members.entries()) {
      const policy = this.#policies[m];
      member.vote(arms, normals, policy);
      for (let arm = 0; arm < arms.count; arm++) out[arm] += this.weights[m] * policy[arm];
    }
  }

  learn(outcome: Outcome, random: Random): void {
    const { arms, chosen, reward } = outcome;
    if (this.#mixture.length !== arms.count) this.#mixture = new Float64Array(arms.count);
    this.policy(arms, random, this.#mixture);
    this.#addRegret(arms);
    for (let m = 0; m < this.#members.length; m++) {
      this.#addValue(outcome, m);
      this.#addEvidence(outcome, m);
    }
    const { moments } = this.#state;
    const kept = 2 ** (-1 / VARIANCE_HALF_LIFE);
    for (let power = 0; power < moments.length; power++)
      moments[power] = moments[power] * kept + reward ** power;
    for (const posterior of this.#posteriors) posterior.add(arms.contexts, chosen * this.#dimensions, reward);
    this.#weigh();
  }

  save(): SavedBandit {
    const members = this.#posteriors.map(({ sums }, m) => [`sums${m}`, sums] as const);
    return { meta: {}, arrays: { ...this.#state, ...Object.fromEntries(members) } };
  }

  /** Takes in what the average model expects the mixture to lose to the best arm. */
  #addRegret({ count, contexts }: Arms): void {
    const { regret } = this.#state;
    let best = Number.NEGATIVE_INFINITY;
    let taken = 0;
    for (let arm = 0, at = 0; arm < count; arm++) {
      let expected = 0;
      for (let i = 0; i < this.#dimensions; i++, at++) expected += contexts[at] * this.#coefficients[i];
      best = Math.max(best, expected);
      taken += this.#mixture[arm] * expected;
    }
    regret[0] = regret[0] * this.#fade + Math.max(0, best - taken);
  }

  /** Takes in what a member's policy would have taken, and by how much what was taken corrects that. */
  #addValue({ arms, chosen, probability, reward }: Outcome, m: number): void {
    const { features, rewards } = this.#state;
    const policy = this.#policies[m];
    const importance = policy[chosen] / probability;
    const shrunken = (SHRINKAGE * importance) / (importance * importance + SHRINKAGE);
    rewards[m] = rewards[m] * this.#fade + shrunken * reward;
    const dimensions = this.#dimensions;
    for (let i = 0; i < dimensions; i++) {
      let sum = -shrunken * arms.contexts[chosen * dimensions + i];
      for (let arm = 0; arm < arms.count; arm++) sum += policy[arm] * arms.contexts[arm * dimensions + i];
      features[m * dimensions + i] = features[m * dimensions + i] * this.#fade + sum;
    }
  }

  /** Takes in how likely the reward is under a member's model. */
  #addEvidence({ arms, chosen, reward }: Outcome, m: number): void {
    const { evidence } = this.#state;
    const posterior = this.#posteriors[m];
    const from = chosen * this.#dimensions;
    const context = arms.contexts.subarray(from, from + this.#dimensions);
    posterior.project(context, 1, this.#expected, this.#spread);
    let variance = posterior.variance;
    for (const deviation of this.#spread) variance += deviation * deviation;
    const likelihood = -0.5 * Math.log(variance) - (reward - this.#expected[0]) ** 2 / (2 * variance);
    evidence[m] = evidence[m] * this.#fade + likelihood;
  }

  /** Makes coefficients, values and weights what state and posteriors say. */
  #weigh(): void {
    const { features, rewards, evidence, regret, moments } = this.#state;
    const { weights } = this;
    const values = this.#values;
    const coefficients = this.#coefficients;
    softmax(evidence, 1, weights);
    coefficients.fill(0);
    for (const [m, { mean }] of this.#posteriors.entries())
      for (let i = 0; i < coefficients.length; i++) coefficients[i] += weights[m] * mean[i];
    for (let m = 0; m < values.length; m++) {
      values[m] = rewards[m];
      for (let i = 0; i < coefficients.length; i++)
        values[m] += features[m * coefficients.length + i] * coefficients[i];
    }
    const outcomes = moments[0] + 1;
    const deviation = Math.sqrt((moments[2] + 0.25) / outcomes - (moments[1] / outcomes) ** 2);
    const strongest = Math.max(...evidence);
    for (let m = 0; m < weights.length; m++)
      weights[m] = strongest - evidence[m] > REFUTED ? Number.NEGATIVE_INFINITY : values[m];
    const best = Math.max(...weights);
    softmax(weights, LEARNING_RATE / Math.max(1e-3, deviation), weights);
    for (let m = 0; m < weights.length; m++)
      weights[m] += REGRET_SHARE / (1 + Math.max(0, best - values[m]) / (regret[0] + REGRET_MIN));
    normalise(weights);
  }
}
