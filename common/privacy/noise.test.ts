import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seededBytes } from '../../test/support/seeded-bytes.ts';
import { ExactNoise } from './exact-noise.ts';
import { analyticGaussianSigma, gaussianDelta } from './gaussian-mechanism.ts';
import { ceilPowerOfTwo, roundToMultiple } from './grid.ts';
import {
  discreteGaussianProbability,
  discreteLaplaceProbability,
  discreteLaplaceVariance,
} from './noise-laws.ts';
import { RandomBits } from './random-bits.ts';
import { type Ratio, ratioAtLeast, ratioAtMost, ratioValue } from './ratio.ts';

const FOLDER = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors/dp');
const absent = !existsSync(FOLDER);
const reason = absent ? ` (skipped: no ${FOLDER}; set MILLRACE_SHARED)` : '';
const SEED = 20261126;

function vectors(name: string) {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
}

interface Law {
  kind: 'discrete_laplace' | 'discrete_gaussian';
  scale?: number;
  sigma_squared?: number;
  pmf: { k: number; p: number }[];
  variance: number;
}

describe.skipIf(absent)(`vectors of others${reason}`, () => {
  test('the discrete laws have the given probabilities and variances', () => {
    for (const law of vectors('discrete_noise_pmf.json') as Law[]) {
      const ratio = ratioAtLeast((law.scale ?? law.sigma_squared) as number);
      const isLaplace = law.kind === 'discrete_laplace';
      const probability = isLaplace ? discreteLaplaceProbability : discreteGaussianProbability;
      for (const { k, p } of law.pmf) {
        expect(Math.abs(probability(k, ratio) - p)).toBeLessThan(1e-12);
        expect(probability(-k, ratio)).toBe(probability(k, ratio));
      }
      const variance = isLaplace ? discreteLaplaceVariance(ratio) : secondMoment(ratio);
      expect(Math.abs(variance / law.variance - 1)).toBeLessThan(1e-12);
    }
  });

  test('δ of the Gaussian mechanism, and the σ for it, are exact to 1e-9', () => {
    const { gaussian_delta: deltas, gaussian_sigma: sigmas } = vectors('gaussian_mechanism.json');
    for (const { sigma, sensitivity, epsilon, delta } of deltas) {
      const found = gaussianDelta(sigma, sensitivity, epsilon);
      expect(Math.abs(found - delta)).toBeLessThanOrEqual(Math.max(1e-9 * delta, 1e-300));
    }
    for (const { epsilon, delta, sensitivity, sigma_analytic: sigma } of sigmas) {
      const found = analyticGaussianSigma(epsilon, delta, sensitivity);
      expect(Math.abs(found / sigma - 1)).toBeLessThan(1e-9);
      expect(gaussianDelta(found, sensitivity, epsilon)).toBeLessThanOrEqual(delta);
    }
    expect([deltas.length, sigmas.length].every((count) => count > 10)).toBe(true);
  });

  test('rounding to a grid of powers of two is exact, and refuses what is no grid', () => {
    const cases = vectors('secure_noise_rounding.json');
    for (const { x, granularity, expected } of cases.round_to_multiple)
      expect(roundToMultiple(x, granularity)).toBe(expected);
    for (const { x, expected } of cases.ceil_power_of_two) expect(ceilPowerOfTwo(x)).toBe(expected);
    for (const x of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 1023 * 1.5])
      expect(() => ceilPowerOfTwo(x)).toThrow(RangeError);
    for (const granularity of [0, -1, 0.3, 3, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => roundToMultiple(1, granularity)).toThrow(RangeError);
  });
});

function secondMoment(variance: Ratio): number {
  let sum = 0;
  for (let k = 1; k < 1_000; k++) sum += 2 * k * k * discreteGaussianProbability(k, variance);
  return sum;
}

test('powers of two and their neighbours round up as they should', () => {
  for (const power of [2 ** -1074, 2 ** -1022, 2 ** -3, 1, 2 ** 40, 2 ** 1023]) {
    expect(ceilPowerOfTwo(power)).toBe(power);
    if (power > 2 ** -1000) expect(ceilPowerOfTwo(power * (1 - 2 ** -53))).toBe(power);
  }
  expect(roundToMultiple(2 ** 60 + 2 ** 9, 0.5)).toBe(2 ** 60 + 2 ** 9);
});

test('ratios enclose what they stand for', () => {
  for (const value of [1e-9, 0.1, 1 / 3, 1, Math.PI, 1e6, 123456789.25]) {
    const [above, below] = [ratioValue(ratioAtLeast(value)), ratioValue(ratioAtMost(value))];
    expect(above).toBeGreaterThanOrEqual(value);
    expect(below).toBeLessThanOrEqual(value);
    expect((above - below) / value).toBeLessThanOrEqual(2 ** -19);
  }
});

const RUNS = 200_000;

/**
 * Pearson's χ² of samples against a law, as a standard normal by Wilson and Hilferty's cube root. Values with fewer than 20 expected
 * samples count together.
 */
function goodnessOfFit(draw: () => number, probability: (k: number) => number): number {
  const found = new Map<number, number>();
  for (let i = 0; i < RUNS; i++) {
    const k = draw();
    found.set(k, (found.get(k) ?? 0) + 1);
  }
  let [statistic, cells, expectedRest, foundRest] = [0, 0, RUNS, RUNS];
  for (let k = -2_000; k <= 2_000; k++) {
    const expected = RUNS * probability(k);
    if (expected < 20) continue;
    const count = found.get(k) ?? 0;
    statistic += (count - expected) ** 2 / expected;
    expectedRest -= expected;
    foundRest -= count;
    cells++;
  }
  if (expectedRest >= 20) {
    statistic += (foundRest - expectedRest) ** 2 / expectedRest;
    cells++;
  } else expect(foundRest).toBeLessThan(60);
  const degrees = cells - 1;
  const spread = 2 / (9 * degrees);
  return ((statistic / degrees) ** (1 / 3) - (1 - spread)) / Math.sqrt(spread);
}

describe(`samples (seed ${SEED})`, () => {
  const noise = new ExactNoise(seededBytes(SEED));

  test.each([0.3, 0.5, 1, 2, 10, 37.7])('of the discrete Laplace law of scale %d have that law', (scale) => {
    const ratio = ratioAtLeast(scale);
    const z = goodnessOfFit(
      () => noise.discreteLaplace(ratio),
      (k) => discreteLaplaceProbability(k, ratio),
    );
    expect(Math.abs(z)).toBeLessThan(5);
  });

  test.each([0.25, 1, 4, 100, 1234.5])(
    'of the discrete Gaussian law of variance %d have that law',
    (variance) => {
      const ratio = ratioAtLeast(variance);
      const z = goodnessOfFit(
        () => noise.discreteGaussian(ratio),
        (k) => discreteGaussianProbability(k, ratio),
      );
      expect(Math.abs(z)).toBeLessThan(5);
    },
  );

  test('of wide laws have their deviation', () => {
    const sigma = 2 ** 27;
    const variance = ratioAtLeast(sigma ** 2);
    const scale = ratioAtLeast(2 ** 27);
    let [gaussian, laplace] = [0, 0];
    for (let i = 0; i < 20_000; i++) {
      gaussian += (noise.discreteGaussian(variance) / sigma) ** 2 / 20_000;
      laplace += Math.abs(noise.discreteLaplace(scale) / sigma) / 20_000;
    }
    expect(Math.abs(gaussian - 1)).toBeLessThan(0.05);
    expect(Math.abs(laplace - 1)).toBeLessThan(0.05);
  });

  test('of uniform integers are uniform, also over 32 bits', () => {
    const bits = new RandomBits(seededBytes(SEED + 1));
    for (const bound of [1, 7, 2 ** 32, 2 ** 32 + 1, 2 ** 52 + 12345]) {
      let sum = 0;
      for (let i = 0; i < 20_000; i++) {
        const drawn = bits.below(bound);
        if (!(Number.isSafeInteger(drawn) && drawn >= 0 && drawn < bound)) throw new Error(`${drawn}`);
        sum += drawn / bound / 20_000;
      }
      expect(Math.abs(sum - (bound - 1) / bound / 2)).toBeLessThan(0.012);
    }
  });
});

test('without a seed two runs draw differently', () => {
  const drawn = [new ExactNoise(), new ExactNoise()].map((noise) =>
    Array.from({ length: 40 }, () => noise.discreteLaplace({ over: 1000, under: 1 })).join(),
  );
  expect(drawn[0]).not.toBe(drawn[1]);
});
