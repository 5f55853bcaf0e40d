import { expect, it } from 'vitest';
import { Random } from '../random.ts';
import { bootstrapInterval, pairedComparison } from './significance.ts';
import { twoSidedStudentT } from './student-t.ts';

it("Student's t has the closed forms of 1, 2 and 4 degrees of freedom, and the tables' values", () => {
  for (const t of [0, 0.1, 0.9, 2.5, 30]) {
    expect(twoSidedStudentT(t, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(t), 12);
    expect(twoSidedStudentT(-t, 2)).toBeCloseTo(1 - t / Math.sqrt(2 + t * t), 12);
    const x = t / Math.sqrt(4 + t * t);
    expect(twoSidedStudentT(t, 4)).toBeCloseTo(1 - (3 * x - x ** 3) / 2, 12);
  }
  expect(twoSidedStudentT(2.2281388519649385, 10)).toBeCloseTo(0.05, 10);
  expect(twoSidedStudentT(1.959963984540054, 1e8)).toBeCloseTo(0.05, 7);
  expect(twoSidedStudentT(4.902, 29)).toBeLessThan(1e-4);
});

it('the bootstrap interval of a normal sample is the mean ± 1.96 standard errors, and repeats from its seed', () => {
  const random = new Random(7);
  const values = Float64Array.from({ length: 2_000 }, () => 5 + 3 * random.normal());
  const mean = values.reduce((sum, value) => sum + value, 0) / 2_000;
  const error = (1.96 * 3) / Math.sqrt(2_000);
  const { low, high } = bootstrapInterval(values);
  expect(Math.abs(low - (mean - error))).toBeLessThan(0.1 * error);
  expect(Math.abs(high - (mean + error))).toBeLessThan(0.1 * error);
  expect(bootstrapInterval(values)).toEqual({ low, high });
  expect(bootstrapInterval(values, { samples: 500, seed: 2 })).not.toEqual({ low, high });
  expect(bootstrapInterval([4, 4, 4])).toEqual({ low: 4, high: 4 });
});

it('the interval holds the true mean about 95 times in a hundred', () => {
  const random = new Random(11);
  let held = 0;
  for (let round = 0; round < 300; round++) {
    const hits = Float64Array.from({ length: 200 }, () => (random.next() < 0.3 ? 1 : 0));
    const { low, high } = bootstrapInterval(hits, { samples: 400, seed: round });
    if (low <= 0.3 && 0.3 <= high) held++;
  }
  expect(held / 300).toBeGreaterThan(0.9);
  expect(held / 300).toBeLessThan(0.99);
});

it('randomisation agrees with trying all signs', () => {
  const differences = [0.5, 0.25, -0.125, 0.375, 0.0625, 0.5, -0.25, 0.125];
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  let asGreat = 0;
  for (let signs = 0; signs < 256; signs++) {
    const sum = differences.reduce((total, value, i) => total + ((signs >> i) & 1 ? -value : value), 0);
    if (Math.abs(sum) >= observed) asGreat++;
  }
  const { pRandomisation, difference } = pairedComparison(differences, new Float64Array(8), {
    samples: 100_000,
    seed: 1,
  });
  expect(difference).toBeCloseTo(0.1796875, 15);
  expect(Math.abs(pRandomisation - asGreat / 256)).toBeLessThan(0.005);
});

it('both tests find a difference where there is one, and seldom where there is none', () => {
  const random = new Random(13);
  let falsely = 0;
  for (let round = 0; round < 100; round++) {
    const a = Float64Array.from({ length: 60 }, () => random.normal());
    const b = a.map((value) => value + 0.5 * random.normal());
    const alike = pairedComparison(a, b, { samples: 400, seed: round });
    if (alike.pRandomisation < 0.05) falsely++;
    expect(Math.abs(alike.pRandomisation - alike.pStudent)).toBeLessThan(0.1);
  }
  expect(falsely).toBeLessThan(12);
  const a = Float64Array.from({ length: 200 }, () => random.normal());
  const better = pairedComparison(
    a.map((value) => value + 0.3 + 0.5 * random.normal()),
    a,
  );
  expect(better.pRandomisation).toBeLessThan(0.001);
  expect(better.pStudent).toBeLessThan(0.001);
  expect(better.interval.low).toBeGreaterThan(0.1);
  expect(better.interval.high).toBeLessThan(0.5);
});

it('the same figures differ by nothing', () => {
  const values = [0.1, 0, 0.7];
  expect(pairedComparison(values, values)).toEqual({
    difference: 0,
    interval: { low: 0, high: 0 },
    pRandomisation: 1,
    pStudent: 1,
  });
  expect(pairedComparison([1, 2], [0, 1]).pStudent).toBe(0);
});
