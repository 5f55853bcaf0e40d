import { expect, it } from 'vitest';
import { Random } from '../random.ts';
import { expectedCalibrationError, miscalibration } from './calibration.ts';

it('expected calibration error weighs the gap of each interval by its rows', () => {
  // [0, .5): mean .2, share 1/2 of two rows; [.5, 1]: mean .9, share 1 of two.
  expect(expectedCalibrationError([0.1, 0.3, 0.8, 1], [0, 1, 1, 1], 2)).toBeCloseTo(
    0.5 * 0.3 + 0.5 * 0.1,
    12,
  );
  expect(expectedCalibrationError([0, 1], [0, 1])).toBe(0);
  expect(expectedCalibrationError([1, 0], [0, 1])).toBe(1);
});

it('expected calibration error is small for what happens as often as was said', () => {
  const random = new Random(3);
  const probabilities = Float64Array.from({ length: 20_000 }, () => random.next());
  const labels = probabilities.map((probability) => (random.next() < probability ? 1 : 0));
  expect(expectedCalibrationError(probabilities, labels)).toBeLessThan(0.02);
  expect(
    expectedCalibrationError(
      probabilities.map((probability) => probability ** 3),
      labels,
    ),
  ).toBeGreaterThan(0.2);
});

it('miscalibration is the divergence of the list from the history, 0 where they agree, finite where it lacks a category', () => {
  expect(miscalibration([0.7, 0.3], [0.7, 0.3])).toBeCloseTo(0, 12);
  const expected = 0.7 * Math.log(0.7 / (0.99 + 0.007)) + 0.3 * Math.log(0.3 / (0.01 * 0.3));
  expect(miscalibration([0.7, 0.3], [1, 0])).toBeCloseTo(expected, 12);
  expect(miscalibration([1, 0], [0.5, 0.5])).toBeCloseTo(Math.log(1 / 0.505), 12);
  expect(miscalibration([Number.NaN], [1])).toBeNaN();
  expect(miscalibration([0.7, 0.3], [1, 0])).toBeGreaterThan(miscalibration([0.7, 0.3], [0.8, 0.2]));
});
