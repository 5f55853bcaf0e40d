import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { calibrate, type Link } from './calibration.ts';

const PRIOR = { slope: 1, intercept: 0 };
const LINKS: Readonly<Record<Link, (x: number) => number>> = {
  logistic: (x) => 1 / (1 + Math.exp(-x)),
  identity: (x) => x,
  exponential: Math.exp,
};

describe.each(Object.entries(LINKS) as [Link, (x: number) => number][])(
  'calibration by the %s link',
  (link, mean) => {
    const random = new Random(4);
    const raw = Float64Array.from({ length: 20_000 }, () => random.normal());
    const expected = raw.map((x) => mean(0.6 * x + 0.3));
    const targets = expected.map((value) =>
      link === 'logistic'
        ? Number(random.next() < value)
        : value * (link === 'identity' ? 1 : 2 * random.next()),
    );

    it('recovers the map that the targets were drawn by, and gives them their mean', () => {
      const { slope, intercept } = calibrate(link, raw, targets, undefined, PRIOR);
      expect(slope).toBeCloseTo(0.6, 1);
      expect(intercept).toBeCloseTo(0.3, 1);
      const sum = (of: Float64Array) => of.reduce((total, value) => total + value, 0) / of.length;
      expect(sum(raw.map((x) => mean(slope * x + intercept)))).toBeCloseTo(sum(targets), 3);
    });

    it('counts a row by its weight, and one without a target not at all', () => {
      const weights = raw.map((_, row) => row % 3);
      const rows = [...raw.keys()].flatMap((row) => new Array<number>(row % 3).fill(row));
      const weighted = calibrate(link, raw, targets, weights, PRIOR);
      const copied = calibrate(
        link,
        rows.map((row) => raw[row]),
        rows.map((row) => targets[row]),
        undefined,
        PRIOR,
      );
      const gaps = targets.map((target, row) => (row % 3 === 0 ? Number.NaN : target));
      const gappy = calibrate(link, raw, gaps, weights, PRIOR);
      for (const other of [copied, gappy]) {
        expect(other.slope).toBeCloseTo(weighted.slope, 8);
        expect(other.intercept).toBeCloseTo(weighted.intercept, 8);
      }
    });
  },
);

describe('calibration', () => {
  it('stays finite where the classes are apart, and for one row', () => {
    const { slope } = calibrate('logistic', [-2, -1, 1, 2], [0, 0, 1, 1], undefined, PRIOR);
    expect(slope).toBeGreaterThan(1);
    expect(slope).toBeLessThan(5);
    expect(calibrate('exponential', [3], [50], undefined, PRIOR).slope).toBeGreaterThan(0);
  });

  it('keeps the order of the raw outputs where the targets contradict it', () => {
    const raw = Float64Array.from({ length: 50 }, (_, i) => i / 10);
    expect(
      calibrate(
        'identity',
        raw,
        raw.map((x) => 20 - 3 * x),
        undefined,
        PRIOR,
      ),
    ).toEqual(PRIOR);
  });
});
