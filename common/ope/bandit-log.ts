import { fieldError } from '../errors.ts';

/**
 * Rounds in which a policy drew one of some arms with known probabilities, and what came of it. Round r has the entries
 * `offsets[r]` up to `offsets[r + 1]`, one for each arm that could have been drawn.
 */
export interface BanditLog {
  /** One more than there are rounds. */
  readonly offsets: Uint32Array;
  /** Arms in all rounds together. */
  readonly armCount: number;
  /** By entry: the arm, in [0, armCount). */
  readonly arms: Uint32Array;
  /** By entry: the probability with which the logging policy drew it. */
  readonly logged: Float64Array;
  /** By round: the entry that was drawn. */
  readonly taken: Uint32Array;
  /** By round: what came of it. */
  readonly rewards: Float64Array;
}

/** How far a round's probabilities may be from 1 in sum: they are logged as float32. */
const SUM_TOLERANCE = 1e-3;

export function roundsOf({ rewards }: BanditLog): number {
  return rewards.length;
}

/** Throws FIELD_INVALID, naming the round, if its probabilities are no distribution or the arm drawn has none, or its reward is not finite. */
export function checkBanditLog(log: BanditLog): void {
  const { offsets, logged, taken, rewards } = log;
  for (let round = 0; round < rewards.length; round++) {
    const fault = faultOf(log, round);
    if (fault !== undefined) throw fieldError(`rounds[${round}]`, fault);
  }
  if (offsets.at(-1) !== logged.length || taken.length !== rewards.length)
    throw new RangeError('the columns of the bandit log do not belong together');
}

function faultOf({ offsets, logged, taken, rewards }: BanditLog, round: number): string | undefined {
  let sum = 0;
  for (let entry = offsets[round]; entry < offsets[round + 1]; entry++) {
    if (!(logged[entry] >= 0 && logged[entry] <= 1))
      return `the probability ${logged[entry]} is not in [0, 1]`;
    sum += logged[entry];
  }
  if (!(Math.abs(sum - 1) <= SUM_TOLERANCE)) return `the probabilities sum to ${sum}, not to 1`;
  if (!(logged[taken[round]] > 0)) return 'the arm drawn had probability 0';
  return Number.isFinite(rewards[round]) ? undefined : `the reward is ${rewards[round]}`;
}

/** The rounds from `first` up to `end` alone. */
export function sliceRounds(log: BanditLog, first: number, end: number): BanditLog {
  const [from, until] = [log.offsets[first], log.offsets[end]];
  return {
    offsets: log.offsets.slice(first, end + 1).map((offset) => offset - from),
    armCount: log.armCount,
    arms: log.arms.subarray(from, until),
    logged: log.logged.subarray(from, until),
    taken: log.taken.slice(first, end).map((entry) => entry - from),
    rewards: log.rewards.subarray(first, end),
  };
}
