import { Random } from '../random.ts';
import { type BanditLog, roundsOf } from './bandit-log.ts';
import type { Overlap } from './overlap.ts';

/** The estimate Σ numerators / Σ denominators over rounds; without denominators, the numerators' mean. */
export interface RoundTerms {
  readonly numerators: Float64Array;
  readonly denominators?: Float64Array;
  /** Rounds of the target's own that would tell about as much. */
  readonly effectiveRounds: number;
}

/** What estimators are made of. */
export interface EstimationInput {
  readonly log: BanditLog;
  /** The target's probabilities by entry. */
  readonly target: Float64Array;
  readonly overlap: Overlap;
  /** By entry: the reward that a model expects of the arm, learnt from other rounds. */
  readonly predicted: Float64Array;
  /** Largest weight of clipped IPS. */
  readonly clip: number;
  /** Of what replay draws. */
  readonly seed: number;
}

/** The estimators of a policy's mean reward by name, most modest first. */
export const ESTIMATORS = {
  replay,
  dm: directMethod,
  ips,
  'clipped-ips': clippedIps,
  snips,
  dr: doublyRobust,
} as const satisfies Readonly<Record<string, (input: EstimationInput) => RoundTerms>>;
export type EstimatorName = keyof typeof ESTIMATORS;

/**
 * Replay: the mean reward of the rounds in which the target draws the same arm (Li, Chu, Langford, Wang 2011). It asks for
 * uniform logging; for any other one a round is kept with probability weight / largest possible weight (rejection sampling:
 * Mandel, Liu, Brunskill, Popović 2016), which for a deterministic target on a uniform log is Li's method itself.
 */
function replay({ log, target, overlap, seed }: EstimationInput): RoundTerms {
  let largest = 0;
  for (let entry = 0; entry < target.length; entry++)
    if (log.logged[entry] > 0) largest = Math.max(largest, target[entry] / log.logged[entry]);
  const random = new Random(seed);
  const denominators = overlap.weights.map((weight) => (random.next() * largest < weight ? 1 : 0));
  const effectiveRounds = denominators.reduce((sum, kept) => sum + kept, 0);
  return { numerators: products(denominators, log.rewards), denominators, effectiveRounds };
}

/** Direct method: what the model expects of the target's draws. Without variance from weights, and as wrong as its model. */
function directMethod({ log, target, predicted }: EstimationInput): RoundTerms {
  const numerators = log.rewards.map((_, round) => expected(log, round, target, predicted));
  return { numerators, effectiveRounds: roundsOf(log) };
}

/** Inverse propensity score (Horvitz, Thompson 1952): weights make up for how often each arm was drawn. Unbiased with full support. */
function ips({ log, overlap }: EstimationInput): RoundTerms {
  return {
    numerators: products(overlap.weights, log.rewards),
    effectiveRounds: overlap.effectiveRounds,
  };
}

/** IPS with weights of at most `clip` (Ionides 2008): less variance, and too low for rewards that are not negative. */
function clippedIps({ log, overlap, clip }: EstimationInput): RoundTerms {
  const weights = overlap.weights.map((weight) => Math.min(weight, clip));
  return { numerators: products(weights, log.rewards), effectiveRounds: kishOf(weights) };
}

/** Self-normalised IPS (Swaminathan, Joachims 2015): divides by the sum of the weights; unmoved by adding a constant to all rewards. */
function snips({ log, overlap }: EstimationInput): RoundTerms {
  return {
    numerators: products(overlap.weights, log.rewards),
    denominators: overlap.weights,
    effectiveRounds: overlap.effectiveRounds,
  };
}

/** Doubly robust (Dudík, Langford, Li 2011): the direct method, corrected by its weighted errors; right if model or probabilities are. */
function doublyRobust({ log, target, overlap, predicted }: EstimationInput): RoundTerms {
  const numerators = log.rewards.map(
    (reward, round) =>
      expected(log, round, target, predicted) +
      overlap.weights[round] * (reward - predicted[log.taken[round]]),
  );
  return { numerators, effectiveRounds: overlap.effectiveRounds };
}

function expected(
  { offsets }: BanditLog,
  round: number,
  target: Float64Array,
  predicted: Float64Array,
): number {
  let sum = 0;
  for (let entry = offsets[round]; entry < offsets[round + 1]; entry++)
    sum += target[entry] * predicted[entry];
  return sum;
}

function products(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value * b[i]);
}

function kishOf(weights: Float64Array): number {
  let sum = 0;
  let squares = 0;
  for (const weight of weights) {
    sum += weight;
    squares += weight * weight;
  }
  return (sum * sum) / squares;
}
