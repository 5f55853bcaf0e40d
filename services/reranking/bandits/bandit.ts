import type { z } from 'zod';
import type { Random } from '../../../common/random.ts';

/** Arms that may be taken now. */
export interface Arms {
  readonly count: number;
  /** Names of the arms: items' ids, or slate policies. */
  readonly ids: readonly string[];
  /** `count` rows of the bandit's dimensions; empty where the bandit looks at nothing. */
  readonly contexts: Float32Array;
  /** Added to an arm's value when it is weighed, one an arm; no part of any reward. Undefined: nothing. */
  readonly bonuses?: Float64Array | undefined;
}

/** A choice that was made and what came of it. */
export interface Outcome {
  readonly arms: Arms;
  readonly chosen: number;
  /** The probability with which it was chosen. */
  readonly probability: number;
  /** In [0, 1]. */
  readonly reward: number;
}

/** What a bandit has learnt, in a form that `packArrays` takes. */
export interface SavedBandit {
  readonly meta: unknown;
  readonly arrays: Readonly<Record<string, Float64Array>>;
}

/** What was saved of a bandit: its arrays by name, its metadata. Both throw where they are not as asked for. */
export interface BanditSource {
  meta<T>(schema: z.ZodType<T>): T;
  array(name: string, length?: number): Float64Array;
}

/**
 * Chooses among arms and learns from what came of it. A policy is a function of what was learnt, of the arms and of `random`, and
 * nothing else: whoever has the three has the same probabilities. What is old counts less: by half with each half-life, which is counted in outcomes.
 */
export interface Bandit {
  /** Writes each arm's probability into `out`, which has `arms.count` values; at least one arm. */
  policy(arms: Arms, random: Random, out: Float64Array): void;
  /** Takes an outcome in. `random` is that of the policy of these arms. */
  learn(outcome: Outcome, random: Random): void;
  save(): SavedBandit;
  /** Of an ensemble: the weight of each member. */
  readonly weights?: Float64Array;
}

/** What a bandit is made with. */
export interface BanditSettings {
  /** Values of an arm's context. */
  readonly dimensions: number;
  /** Outcomes after which one counts half; infinite: all count alike. */
  readonly halfLife: number;
  /** Share of the choices of a deterministic bandit that are spread evenly over the arms. */
  readonly epsilon: number;
  /** Half-lives of an ensemble's members. */
  readonly members: readonly number[];
}
