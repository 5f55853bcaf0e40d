import { describe, expect, test } from 'vitest';
import { MillraceError } from '../errors.ts';
import { Random } from '../random.ts';
import { type BanditLog, checkBanditLog, sliceRounds } from './bandit-log.ts';
import type { EstimatorName } from './estimators.ts';
import { valuePolicy } from './policy-value.ts';
import { fitArmMeans } from './reward-model.ts';
import { policyNamed } from './target-policy.ts';

const SEED = 20261126;

/** Rounds of `arms` arms that pay off with the probabilities given, drawn in proportion to `odds`. */
function logOf(odds: readonly number[], payoff: readonly number[], rounds: number, seed = SEED): BanditLog {
  const random = new Random(seed);
  const { length } = payoff;
  const sum = odds.reduce((a, b) => a + b, 0);
  const taken = Uint32Array.from({ length: rounds }, (_, round) => {
    let left = random.next() * sum;
    let arm = 0;
    while (left >= odds[arm]) left -= odds[arm++];
    return round * length + arm;
  });
  return {
    offsets: Uint32Array.from({ length: rounds + 1 }, (_, round) => round * length),
    armCount: length,
    arms: Uint32Array.from({ length: rounds * length }, (_, entry) => entry % length),
    logged: Float64Array.from({ length: rounds * length }, (_, entry) => odds[entry % length] / sum),
    taken,
    rewards: Float64Array.from(taken, (entry) => Number(random.next() < payoff[entry % length])),
  };
}

const PAYOFF = [0.1, 0.3, 0.6, 0.2];
const truth = (probabilities: readonly number[]): number =>
  probabilities.reduce((sum, probability, arm) => sum + probability * PAYOFF[arm], 0);
const target = (log: BanditLog, probabilities: readonly number[]): Float64Array =>
  Float64Array.from(log.arms, (arm) => probabilities[arm]);
const estimateOf = (log: BanditLog, by: Float64Array, estimator: EstimatorName) =>
  valuePolicy(log, by, { samples: 0 }).values.find((value) => value.estimator === estimator)!;

test(`every estimator finds the value of another policy within its error (seed ${SEED})`, () => {
  const log = logOf([4, 3, 1, 2], PAYOFF, 20_000);
  const probabilities = [0.05, 0.15, 0.7, 0.1];
  for (const { estimator, value, standardError } of valuePolicy(log, target(log, probabilities), {
    samples: 0,
  }).values) {
    const room = estimator === 'dm' ? 0.03 : 4 * standardError;
    expect(Math.abs(value - truth(probabilities)), estimator).toBeLessThan(room);
    expect(standardError, estimator).toBeLessThan(0.02);
  }
});

test('the logging policy is valued at the mean of its own rewards, with as many rounds as there are', () => {
  const log = logOf([4, 3, 1, 2], PAYOFF, 2_000);
  const mean = log.rewards.reduce((sum, reward) => sum + reward, 0) / 2_000;
  const { overlap, values } = valuePolicy(log, policyNamed('logged', new Float64Array(4))(log));
  for (const name of ['replay', 'ips', 'clipped-ips', 'snips'])
    expect(values.find(({ estimator }) => estimator === name)!.value, name).toBeCloseTo(mean, 12);
  expect(overlap).toMatchObject({ meanWeight: 1, largestWeight: 1, unsupported: 0 });
  expect(overlap.effectiveRounds).toBeCloseTo(2_000, 6);
});

test('replay of a fixed choice on a uniform log is the mean of the rounds that made it', () => {
  const log = logOf([1, 1, 1, 1], PAYOFF, 1_000);
  const rounds = Array.from(log.taken.keys()).filter((round) => log.arms[log.taken[round]] === 2);
  const mean = rounds.reduce((sum, round) => sum + log.rewards[round], 0) / rounds.length;
  const replay = estimateOf(log, target(log, [0, 0, 1, 0]), 'replay');
  expect(replay.value).toBe(mean);
  expect(replay.effectiveRounds).toBe(rounds.length);
});

test('doubly robust holds with a model that is wrong, where the direct method is wrong with it', () => {
  const log = logOf([1, 1, 1, 1], PAYOFF, 20_000);
  const predicted = new Float64Array(log.arms.length).fill(0.9);
  const { values } = valuePolicy(log, target(log, [0, 0.2, 0.8, 0]), { samples: 0, predicted });
  const [dm, dr] = ['dm', 'dr'].map((name) => values.find(({ estimator }) => estimator === name)!);
  expect(dm.value).toBeCloseTo(0.9, 9);
  expect(Math.abs(dr.value - truth([0, 0.2, 0.8, 0]))).toBeLessThan(4 * dr.standardError);
});

test('clipping bounds the weights and never raises the value of rewards that are not negative', () => {
  const log = logOf([50, 30, 1, 19], PAYOFF, 5_000);
  const by = target(log, [0, 0, 1, 0]);
  const { values } = valuePolicy(log, by, { samples: 0, clip: 5 });
  const [ips, clipped] = ['ips', 'clipped-ips'].map(
    (name) => values.find(({ estimator }) => estimator === name)!,
  );
  expect(clipped.value).toBeLessThan(ips.value);
  expect(clipped.standardError).toBeLessThan(ips.standardError);
});

test('adding a constant to all rewards adds it to what self-normalised IPS says', () => {
  const log = logOf([4, 3, 1, 2], PAYOFF, 500);
  const by = target(log, [0.1, 0.1, 0.7, 0.1]);
  const raised = { ...log, rewards: log.rewards.map((reward) => reward + 10) };
  expect(estimateOf(raised, by, 'snips').value).toBeCloseTo(estimateOf(log, by, 'snips').value + 10, 9);
});

test('the bootstrap agrees with the normal interval where there are many rounds, and stays at 0 and above where few paid off', () => {
  const many = logOf([1, 1, 1, 1], PAYOFF, 5_000);
  for (const { estimator, normal, bootstrap } of valuePolicy(many, target(many, [0, 0.3, 0.7, 0])).values) {
    const width = normal.high - normal.low;
    expect(Math.abs(bootstrap!.low - normal.low), estimator).toBeLessThan(width / 6);
    expect(Math.abs(bootstrap!.high - normal.high), estimator).toBeLessThan(width / 6);
  }
  const rare = logOf([1, 1, 1, 1], [0.01, 0.01, 0.01, 0.01], 200);
  const ips = valuePolicy(rare, target(rare, [0, 0, 1, 0])).values.find(
    ({ estimator }) => estimator === 'ips',
  )!;
  expect(ips.bootstrap!.low).toBeGreaterThanOrEqual(0);
});

describe('a log that cannot value a policy says so', () => {
  const log = logOf([1, 1, 0, 2], PAYOFF, 1_000);
  const refused = (by: () => unknown): MillraceError => {
    try {
      by();
    } catch (error) {
      if (error instanceof MillraceError) return error;
      throw error;
    }
    throw new Error('nothing was refused');
  };

  test('where it draws what was never drawn, with the share', () => {
    const { reason, message, metadata } = refused(() => valuePolicy(log, target(log, [0.5, 0.3, 0.2, 0])));
    expect(reason).toBe('NO_OVERLAP');
    expect(message).toContain('20.0% of what the policy draws was never drawn here');
    expect(Number(metadata.unsupported)).toBeCloseTo(0.2, 9);
    const { overlap } = valuePolicy(log, target(log, [0.5, 0.3, 0.2, 0]), {
      samples: 0,
      unsupportedMax: 0.25,
    });
    expect(overlap.unsupported).toBeCloseTo(0.2, 9);
  });

  test('where chance drew none of its arms, and where nothing was drawn', () => {
    const first = sliceRounds(log, 0, 1);
    const never = [0, 1, 3].find((arm) => arm !== first.arms[first.taken[0]])!;
    const only = Float64Array.from(first.arms, (arm) => Number(arm === never));
    expect(refused(() => valuePolicy(first, only)).message).toContain('no arm drawn here');
    expect(refused(() => valuePolicy(sliceRounds(log, 0, 0), new Float64Array(0))).reason).toBe('NO_OVERLAP');
  });

  test('where its probabilities are none, naming the round', () => {
    checkBanditLog(log);
    const logged = log.logged.slice();
    logged[9] += 0.1;
    expect(() => checkBanditLog({ ...log, logged })).toThrow('rounds[2]: the probabilities sum to');
    const zero = log.logged.slice();
    zero.set([1, 0, 0, 0], 4 * 7);
    const taken = log.taken.slice();
    taken[7] = 4 * 7 + 1;
    expect(() => checkBanditLog({ ...log, logged: zero, taken })).toThrow(
      'rounds[7]: the arm drawn had probability 0',
    );
    const rewards = log.rewards.slice();
    rewards[3] = Number.NaN;
    expect(() => checkBanditLog({ ...log, rewards })).toThrow('rounds[3]: the reward is NaN');
  });
});

test('target policies follow the worth of the arms of each round', () => {
  const log = logOf([1, 1, 1, 1], PAYOFF, 3);
  const worth = Float64Array.of(1, 3, 3, 2);
  const first = (name: string): number[] => Array.from(policyNamed(name, worth)(log).subarray(0, 4));
  expect(first('uniform')).toEqual([0.25, 0.25, 0.25, 0.25]);
  expect(first('greedy')).toEqual([0, 0.5, 0.5, 0]);
  const near = (name: string, probabilities: number[]): void =>
    first(name).forEach((probability, arm) => {
      expect(probability, name).toBeCloseTo(probabilities[arm], 9);
    });
  near('epsilon:0.2', [0.05, 0.45, 0.45, 0.05]);
  const e = Math.exp(-1);
  const sum = 2 + e + e * e;
  near('softmax:1', [(e * e) / sum, 1 / sum, 1 / sum, e / sum]);
  for (const name of ['epsilon:2', 'softmax:0', 'best', 'uniform:1', 'epsilon'])
    expect(() => policyNamed(name, worth), name).toThrow('expected one of logged, uniform');
});

test('arm means are drawn towards the mean of all, the more the fewer rounds an arm has', () => {
  const log = logOf([98, 1, 1, 0], [0.1, 0.9, 0.1, 0], 10_000);
  const means = fitArmMeans(log, () => true, 10);
  const all = log.rewards.reduce((sum, reward) => sum + reward, 0) / 10_000;
  expect(means[0]).toBeCloseTo(0.1, 1);
  expect(means[1]).toBeGreaterThan(0.7);
  expect(means[1]).toBeLessThan(0.9);
  expect(means[3]).toBeCloseTo(all, 12);
});
