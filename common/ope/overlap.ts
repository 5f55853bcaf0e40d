import { MillraceError } from '../errors.ts';
import { type BanditLog, roundsOf } from './bandit-log.ts';

/** How far a log can speak of a target policy. */
export interface Overlap {
  /** Importance weight of each round: target over logging probability of the arm drawn. */
  readonly weights: Float64Array;
  /** Share of the target's draws that the logging policy never makes: no weighting can say anything of them. */
  readonly unsupported: number;
  /** Mean of the weights; 1 in expectation where all is supported, so that another value says that probabilities are logged wrongly. */
  readonly meanWeight: number;
  /** Standard error of the mean weight. */
  readonly meanWeightError: number;
  readonly largestWeight: number;
  /** (Σw)² / Σw²: as many rounds of the target's own would tell about as much (Kish 1965). */
  readonly effectiveRounds: number;
}

/** Share of unsupported draws above which estimates would speak of another policy. */
const UNSUPPORTED_MAX = 0.01;

/**
 * The overlap of a log with a target policy (its probabilities by entry). NO_OVERLAP if there is no round, if none of the arms
 * drawn is one that the target draws, or if more than `unsupportedMax` of the target's draws have logging probability 0.
 */
export function overlapOf(log: BanditLog, target: Float64Array, unsupportedMax = UNSUPPORTED_MAX): Overlap {
  const rounds = roundsOf(log);
  if (rounds === 0) throw noOverlap('there is no round to learn from');
  let unsupported = 0;
  for (let entry = 0; entry < target.length; entry++)
    if (log.logged[entry] === 0) unsupported += target[entry] / rounds;
  if (unsupported > unsupportedMax) {
    const share = (unsupported * 100).toPrecision(3);
    throw noOverlap(`${share}% of what the policy draws was never drawn here`, { unsupported });
  }
  const weights = log.rewards.map((_, round) => target[log.taken[round]] / log.logged[log.taken[round]]);
  let sum = 0;
  let squares = 0;
  let largestWeight = 0;
  for (const weight of weights) {
    sum += weight;
    squares += weight * weight;
    largestWeight = Math.max(largestWeight, weight);
  }
  if (sum === 0) throw noOverlap('no arm drawn here is one that the policy draws');
  const meanWeight = sum / rounds;
  return {
    weights,
    unsupported,
    meanWeight,
    meanWeightError: Math.sqrt(Math.max(0, squares / rounds - meanWeight ** 2) / rounds),
    largestWeight,
    effectiveRounds: (sum * sum) / squares,
  };
}

function noOverlap(what: string, metadata: { unsupported?: number } = {}): MillraceError {
  const entries = Object.entries(metadata).map(([name, value]) => [name, String(value)]);
  return new MillraceError('NO_OVERLAP', `the log cannot value this policy: ${what}`, {
    metadata: Object.fromEntries(entries),
  });
}
