import { expect, it } from 'vitest';
import { Random } from '../random.ts';
import { areaUnderCurve, decisions, logLoss } from './classification.ts';

it('area under the curve is the share of ordered pairs, ties counting half', () => {
  const random = new Random(23);
  const scores = Float32Array.from({ length: 200 }, () => random.int(12));
  const labels = Uint8Array.from({ length: 200 }, () => random.int(2));
  let ordered = 0;
  let pairs = 0;
  for (let i = 0; i < 200; i++) {
    for (let j = 0; j < 200; j++) {
      if (labels[i] !== 1 || labels[j] !== 0) continue;
      pairs++;
      ordered += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
    }
  }
  expect(areaUnderCurve(scores, labels)).toBeCloseTo(ordered / pairs, 12);
});

it('area under the curve has the textbook values and is undefined with one class', () => {
  expect(areaUnderCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBe(0.75);
  expect(areaUnderCurve([1, 1, 1], [0, 1, 1])).toBe(0.5);
  expect(areaUnderCurve([1, 2], [1, 1])).toBeNaN();
  expect(areaUnderCurve([Number.NaN, 2, 1], [1, 1, 0])).toBeNaN();
});

it('log loss is the mean negative log likelihood and stays finite at 0 and 1', () => {
  expect(logLoss([0.9, 0.2], [1, 0])).toBeCloseTo(-(Math.log(0.9) + Math.log(0.8)) / 2, 12);
  expect(logLoss([0], [1])).toBeCloseTo(-Math.log(1e-15), 9);
  expect(logLoss([1], [1])).toBeLessThan(1e-14);
});

it('a threshold makes decisions, which are counted', () => {
  const found = decisions([0.9, 0.5, 0.4, 0.8, 0.1], [1, 0, 1, 1, 0]);
  expect(found.accuracy).toBe(3 / 5);
  expect(found.precision).toBe(2 / 3);
  expect(found.recall).toBe(2 / 3);
  expect(found.f1).toBeCloseTo(2 / 3, 15);
  expect(decisions([0.9, 0.5, 0.4, 0.8, 0.1], [1, 0, 1, 1, 0], 0.85)).toMatchObject({
    precision: 1,
    recall: 1 / 3,
    f1: 0.5,
  });
  expect(decisions([0.1], [0])).toEqual({ accuracy: 1, precision: 0, recall: 0, f1: 0 });
});
