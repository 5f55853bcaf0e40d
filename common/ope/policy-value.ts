import type { Interval } from '../metrics/significance.ts';
import { Random } from '../random.ts';
import { type BanditLog, roundsOf } from './bandit-log.ts';
import { ESTIMATORS, type EstimationInput, type EstimatorName, type RoundTerms } from './estimators.ts';
import { type Overlap, overlapOf } from './overlap.ts';
import { crossFitted } from './reward-model.ts';

/** What an estimator says a policy's mean reward is. Intervals are of 95%. */
export interface PolicyValue {
  readonly estimator: EstimatorName;
  readonly value: number;
  readonly standardError: number;
  /**
   * By the central limit theorem (of a ratio, linearised), cheap enough for everything. Too short where a handful of heavy
   * rounds has all the reward.
   */
  readonly normal: Interval;
  /**
   * By the percentile bootstrap over rounds (Efron 1979): as skew as the terms are, which with rare clicks and large weights
   * they are very much. An empirical Bernstein bound (Maurer, Pontil 2009) would hold for any number of rounds, but where clicks
   * are rare its term in the largest weight alone exceeds the value. Absent where no resampling was asked for.
   */
  readonly bootstrap?: Interval;
  /** Rounds of the policy's own that would tell about as much. */
  readonly effectiveRounds: number;
}

export interface Valuation {
  readonly overlap: Overlap;
  readonly values: readonly PolicyValue[];
}

export interface ValuationOptions {
  /** Of replay's draws and of resampling; default 1. */
  readonly seed?: number;
  /** Resamples of the bootstrap; 0 for none; default 1,000. */
  readonly samples?: number;
  /** Largest weight of clipped IPS; default the root of the number of rounds (Ionides 2008). */
  readonly clip?: number;
  /** By entry: the expected reward. Default: cross-fitted means of the arms. */
  readonly predicted?: Float64Array;
  /** Largest share of the target's draws that the log never makes; default 1%. */
  readonly unsupportedMax?: number;
}

/** Standard normal deviation that 95% are within. */
const NORMAL_95 = 1.959963984540054;

/** Values the target policy, given by its probabilities by entry, by every estimator. NO_OVERLAP as `overlapOf`. */
export function valuePolicy(log: BanditLog, target: Float64Array, options: ValuationOptions = {}): Valuation {
  const { seed = 1, samples = 1_000, clip = Math.sqrt(roundsOf(log)) } = options;
  const overlap = overlapOf(log, target, options.unsupportedMax);
  const input: EstimationInput = {
    log,
    target,
    overlap,
    predicted: options.predicted ?? crossFitted(log),
    clip,
    seed,
  };
  const names = Object.keys(ESTIMATORS) as EstimatorName[];
  const terms = names.map((name) => ESTIMATORS[name](input));
  const intervals = samples > 0 ? bootstrapped(terms, samples, seed) : [];
  return {
    overlap,
    values: names.map((estimator, i) => ({
      estimator,
      ...normalEstimate(terms[i]),
      ...(samples > 0 && { bootstrap: intervals[i] }),
    })),
  };
}

/** The estimate with its standard error by linearisation. NaN where the denominators are all 0: replay kept no round. */
export function normalEstimate(
  terms: RoundTerms,
): Pick<PolicyValue, 'value' | 'standardError' | 'normal' | 'effectiveRounds'> {
  const { numerators, denominators, effectiveRounds } = terms;
  const rounds = numerators.length;
  let sum = 0;
  let base = 0;
  for (let i = 0; i < rounds; i++) {
    sum += numerators[i];
    base += denominators?.[i] ?? 1;
  }
  const value = sum / base;
  let squares = 0;
  for (let i = 0; i < rounds; i++) squares += (numerators[i] - value * (denominators?.[i] ?? 1)) ** 2;
  const standardError = Math.sqrt((squares * rounds) / (rounds - 1)) / base;
  const room = NORMAL_95 * standardError;
  return { value, standardError, normal: { low: value - room, high: value + room }, effectiveRounds };
}

const TAIL = 0.025;

/** Percentile intervals of all estimates from the same resamples of the rounds. Resamples without a denominator are left out. */
function bootstrapped(terms: readonly RoundTerms[], samples: number, seed: number): Interval[] {
  const rounds = terms[0].numerators.length;
  const random = new Random(seed);
  const counts = new Uint32Array(rounds);
  const estimates = terms.map(() => new Float64Array(samples));
  for (let sample = 0; sample < samples; sample++) {
    counts.fill(0);
    for (let i = 0; i < rounds; i++) counts[random.int(rounds)]++;
    terms.forEach(({ numerators, denominators }, t) => {
      let sum = 0;
      let base = 0;
      for (let i = 0; i < rounds; i++) sum += counts[i] * numerators[i];
      if (denominators === undefined) base = rounds;
      else for (let i = 0; i < rounds; i++) base += counts[i] * denominators[i];
      estimates[t][sample] = sum / base;
    });
  }
  return estimates.map((values) => {
    const known = values.filter((value) => !Number.isNaN(value)).sort();
    const tail = TAIL * (known.length - 1);
    return { low: known[Math.floor(tail)], high: known[Math.ceil(known.length - 1 - tail)] };
  });
}
