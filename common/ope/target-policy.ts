import { MillraceError } from '../errors.ts';
import type { BanditLog } from './bandit-log.ts';
import { roundsOf } from './bandit-log.ts';

/** By entry of a log: the probability with which the policy to be valued would draw the arm; they sum to 1 in each round. */
export type TargetPolicy = (log: BanditLog) => Float64Array;

/** What target policies may be named. */
const POLICY_NAMES = ['logged', 'uniform', 'greedy', 'epsilon:0.1', 'softmax:0.01'] as const;

const NAME = /^([a-z]+)(?::([0-9.e-]+))?$/;

/**
 * The policy of that name: `logged` draws as the log did, `uniform` all arms alike, `greedy` one of the arms whose `worth` (by
 * arm) is largest, `epsilon:E` the same but with probability E uniformly, `softmax:T` in proportion to exp(worth / T). Throws
 * FIELD_INVALID for another name, E outside [0, 1] or T not above 0.
 */
export function policyNamed(name: string, worth: Float64Array): TargetPolicy {
  const [, kind = '', parameter] = NAME.exec(name) ?? [];
  const value = parameter === undefined ? Number.NaN : Number(parameter);
  if (kind === 'logged' && parameter === undefined) return ({ logged }) => logged;
  if (kind === 'uniform' && parameter === undefined) return epsilonGreedy(worth, 1);
  if (kind === 'greedy' && parameter === undefined) return epsilonGreedy(worth, 0);
  if (kind === 'epsilon' && value >= 0 && value <= 1) return epsilonGreedy(worth, value);
  if (kind === 'softmax' && value > 0) return softmax(worth, value);
  throw new MillraceError(
    'FIELD_INVALID',
    `policy ${JSON.stringify(name)}: expected one of ${POLICY_NAMES.join(', ')}`,
  );
}

/** Draws from `probabilities` (by arm) in every round, whatever its other arms. */
export function fixedPolicy(probabilities: Float64Array): TargetPolicy {
  return (log) =>
    byEntry(log, (target, from, end) => {
      for (let entry = from; entry < end; entry++) target[entry] = probabilities[log.arms[entry]];
    });
}

function epsilonGreedy(worth: Float64Array, epsilon: number): TargetPolicy {
  return (log) =>
    byEntry(log, (target, from, end) => {
      let best = Number.NEGATIVE_INFINITY;
      let ties = 0;
      for (let entry = from; entry < end; entry++) {
        const value = worth[log.arms[entry]];
        ties = value > best ? 1 : ties + Number(value === best);
        best = Math.max(best, value);
      }
      for (let entry = from; entry < end; entry++) {
        const greedy = worth[log.arms[entry]] === best ? (1 - epsilon) / ties : 0;
        target[entry] = greedy + epsilon / (end - from);
      }
    });
}

function softmax(worth: Float64Array, temperature: number): TargetPolicy {
  return (log) =>
    byEntry(log, (target, from, end) => {
      let best = Number.NEGATIVE_INFINITY;
      for (let entry = from; entry < end; entry++) best = Math.max(best, worth[log.arms[entry]]);
      let sum = 0;
      for (let entry = from; entry < end; entry++) {
        target[entry] = Math.exp((worth[log.arms[entry]] - best) / temperature);
        sum += target[entry];
      }
      for (let entry = from; entry < end; entry++) target[entry] /= sum;
    });
}

/** Calls `fill` with the entries of each round. */
function byEntry(
  log: BanditLog,
  fill: (target: Float64Array, from: number, end: number) => void,
): Float64Array {
  const target = new Float64Array(log.arms.length);
  for (let round = 0; round < roundsOf(log); round++)
    fill(target, log.offsets[round], log.offsets[round + 1]);
  return target;
}
