import { describe, expect, test } from 'vitest';
import { seededBytes } from '../../test/support/seeded-bytes.ts';
import { ExactNoise } from './exact-noise.ts';
import { localMechanism } from './local-mechanisms.ts';
import { partitionSelection } from './partition-selection.ts';
import { TREE_LEAVES, TREE_LEVELS, treeQuantiles } from './quantile-tree.ts';
import { countMechanism, MeanMechanism, SumMechanism, treeMechanism } from './statistics.ts';

const SEED = 77;
const CHOICES = [
  { kind: 'laplace', epsilon: 1, delta: 0 },
  { kind: 'gaussian', epsilon: 1, delta: 1e-6 },
] as const;

function moments(draw: () => number, runs: number): { mean: number; deviation: number } {
  const drawn = Array.from({ length: runs }, draw);
  const mean = drawn.reduce((sum, x) => sum + x, 0) / runs;
  return { mean, deviation: Math.sqrt(drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / runs) };
}

describe.each(CHOICES)(`with $kind noise (seed ${SEED})`, (choice) => {
  const noise = new ExactNoise(seededBytes(SEED));
  const contribution = { groups: 4, perGroup: 3 };

  test('counts are unbiased and have the stated deviation', () => {
    const mechanism = countMechanism(contribution, choice);
    const { mean, deviation } = moments(() => mechanism.draw(noise), 40_000);
    expect(Math.abs(mean)).toBeLessThan((5 * mechanism.standardDeviation) / 200);
    expect(Math.abs(deviation / mechanism.standardDeviation - 1)).toBeLessThan(0.03);
  });

  test('sums are unbiased multiples of a power of two', () => {
    const mechanism = new SumMechanism(contribution, { low: -2, high: 10 }, choice);
    const steps = mechanism.steps(0.1) + mechanism.steps(29.9);
    const drawn: number[] = [];
    const { mean, deviation } = moments(() => {
      const released = mechanism.release(steps, noise);
      drawn.push(released);
      return released;
    }, 5_000);
    expect(Math.abs(mean - 30)).toBeLessThan((5 * mechanism.standardDeviation) / Math.sqrt(5_000));
    expect(Math.abs(deviation / mechanism.standardDeviation - 1)).toBeLessThan(0.1);
    expect(Number.isInteger(Math.log2(mechanism.granularity))).toBe(true);
    expect(drawn.every((released) => Number.isInteger(released / mechanism.granularity))).toBe(true);
    expect(mechanism.steps(1e9)).toBe(mechanism.stepsMax);
    expect(mechanism.steps(-1e9)).toBe(-mechanism.stepsMax);
    expect(mechanism.stepsMax * mechanism.granularity).toBeGreaterThanOrEqual(30);
  });

  test('means of many are near the truth, means of none are in their bounds', () => {
    const mechanism = new MeanMechanism(contribution, { low: 1, high: 5 }, choice);
    const count = 100_000;
    const steps = count * mechanism.sum.steps(4.2 - mechanism.middle);
    const { mean, deviation } = mechanism.release({ steps, count }, noise);
    expect(deviation).toBeLessThan(0.01);
    expect(Math.abs(mean - 4.2)).toBeLessThan(6 * deviation);
    for (let i = 0; i < 100; i++) {
      const none = mechanism.release({ steps: 0, count: 0 }, noise).mean;
      expect(none >= 1 && none <= 5).toBe(true);
    }
  });

  test('each level of a quantile tree costs a user what a count does', () => {
    const [tree, count] = [treeMechanism, countMechanism].map((of) => of(contribution, choice));
    const levels = choice.kind === 'laplace' ? TREE_LEVELS : Math.sqrt(TREE_LEVELS);
    expect(tree.standardDeviation / count.standardDeviation).toBeCloseTo(levels, 2);
  });

  test('quantiles of many values are near the truth and in order', () => {
    const mechanism = treeMechanism({ groups: 1, perGroup: 1 }, choice);
    const leaves = new Map<number, number>();
    for (let i = 0; i < 50_000; i++) {
      const leaf = Math.floor((i / 50_000) ** 2 * TREE_LEAVES);
      leaves.set(leaf, (leaves.get(leaf) ?? 0) + 1);
    }
    const ranks = [0, 0.1, 0.5, 0.9, 1];
    const found = treeQuantiles(leaves, ranks, { low: -10, high: 10 }, { mechanism, noise });
    for (const [i, rank] of ranks.entries())
      if (rank % 1 !== 0) expect(Math.abs(found[i] - (20 * rank ** 2 - 10))).toBeLessThan(0.2);
    expect([...found].sort((a, b) => a - b)).toEqual(found);
    expect(found.every((value) => value >= -10 && value <= 10)).toBe(true);
  });
});

test(`groups of a few users are hidden, large ones named (seed ${SEED})`, () => {
  const noise = new ExactNoise(seededBytes(SEED));
  const selection = partitionSelection(1, 1e-3, 2);
  const share = (users: number): number => {
    let named = 0;
    for (let i = 0; i < 20_000; i++) if (selection.selects(users, noise)) named++;
    return named / 20_000;
  };
  expect(share(0)).toBe(0);
  expect(share(1)).toBeLessThan(3e-3);
  expect(Math.abs(share((selection.usersSure + 1) / 2) - 0.5)).toBeLessThan(0.15);
  expect(share(selection.usersSure)).toBe(1);
});

describe(`local reports (seed ${SEED})`, () => {
  const noise = new ExactNoise(seededBytes(SEED));

  test.each([
    ['krr', 4, 1],
    ['krr', 2, 0.5],
    ['oue', 10, 2],
  ] as const)('%s of %i values at ε = %d names each value as often as its law says', (kind, k, epsilon) => {
    const mechanism = localMechanism(kind, k, epsilon);
    const [named, runs] = [new Array<number>(k).fill(0), 100_000];
    for (let i = 0; i < runs; i++) for (const index of mechanism.report(1, noise)) named[index]++;
    const truth = kind === 'krr' ? Math.exp(epsilon) / (Math.exp(epsilon) + k - 1) : 0.5;
    const lie = kind === 'krr' ? 1 / (Math.exp(epsilon) + k - 1) : 1 / (Math.exp(epsilon) + 1);
    for (let i = 0; i < k; i++) {
      const law = i === 1 ? truth : lie;
      expect(Math.abs(named[i] / runs - law)).toBeLessThan(5 * Math.sqrt((law * (1 - law)) / runs));
    }
    for (const [i, { share, low, high }] of mechanism.estimate(named, runs).entries()) {
      expect(Math.abs(share - (i === 1 ? 1 : 0))).toBeLessThan(0.05);
      expect(low < share && share < high).toBe(true);
    }
  });
});
