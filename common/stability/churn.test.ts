import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { jaccardAtK, overlapAtK, rankBiasedOverlap } from './churn.ts';
import { ChurnSummary } from './churn-summary.ts';
import { kendallTau } from './kendall-tau.ts';

describe('overlap and Jaccard at k', () => {
  it('count what the first k share', () => {
    expect(overlapAtK([1, 2, 3, 4], [2, 9, 1, 4], 3)).toBeCloseTo(2 / 3);
    expect(jaccardAtK([1, 2, 3, 4], [2, 9, 1, 4], 3)).toBeCloseTo(2 / 4);
  });

  it('measure short lists by the longer one', () => {
    expect(overlapAtK([1, 2], [2, 3, 4], 10)).toBeCloseTo(1 / 3);
    expect(overlapAtK([1], [1], 10)).toBe(1);
    expect(jaccardAtK([1, 2], [2, 3, 4], 10)).toBeCloseTo(1 / 4);
    expect([overlapAtK([], [], 5), jaccardAtK([], [], 5), overlapAtK([], [1], 5)]).toEqual([1, 1, 0]);
  });
});

/** RBO_EXT from the agreement A_d at each depth, as equations 30 to 32 of the paper derive it. */
function extrapolatedByAgreement(a: number[], b: number[], p: number): number {
  const [s, l] = a.length < b.length ? [a, b] : [b, a];
  const overlap = (d: number) => l.slice(0, d).filter((item) => s.slice(0, d).includes(item)).length;
  const shortAgreement = overlap(s.length) / s.length;
  const agreement = (d: number) =>
    d <= s.length ? overlap(d) / d : (overlap(d) + shortAgreement * (d - s.length)) / d;
  let sum = 0;
  for (let d = 1; d <= l.length; d++) sum += (1 - p) * p ** (d - 1) * agreement(d);
  return sum + agreement(l.length) * p ** l.length;
}

describe('rank-biased overlap', () => {
  it('has the values worked by hand', () => {
    expect(rankBiasedOverlap([1, 2], [2, 1], 0.5)).toBeCloseTo(0.5, 12);
    expect(rankBiasedOverlap([1, 2, 3], [1, 3, 9], 0.5)).toBeCloseTo(0.5 + 0.25 / 2 + (0.25 * 2) / 3, 12);
    expect(rankBiasedOverlap([1], [1, 2], 0.5)).toBe(1);
    expect(rankBiasedOverlap([1, 2], [3, 4], 0.9)).toBe(0);
    expect(rankBiasedOverlap([], [], 0.9)).toBe(1);
    expect(rankBiasedOverlap([], [1], 0.9)).toBe(0);
  });

  it('is the extrapolated agreement for lists of any lengths, either way round', () => {
    const random = new Random(3);
    const list = () => Array.from(random.shuffle(Uint32Array.from({ length: 12 }, (_, i) => i)));
    for (let trial = 0; trial < 200; trial++) {
      const a = list().slice(0, 1 + random.int(11));
      const b = list().slice(0, 1 + random.int(11));
      const p = 0.05 + 0.9 * random.next();
      expect(rankBiasedOverlap(a, b, p)).toBeCloseTo(extrapolatedByAgreement(a, b, p), 12);
      expect(rankBiasedOverlap(b, a, p)).toBeCloseTo(rankBiasedOverlap(a, b, p), 12);
      expect(rankBiasedOverlap(a, a, p)).toBeCloseTo(1, 12);
    }
  });
});

function tauOfAllPairs(x: number[], y: number[]): number {
  let [difference, untiedX, untiedY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) {
      const dx = Math.sign(x[i] - x[j]);
      const dy = Math.sign(y[i] - y[j]);
      difference += dx * dy;
      untiedX += Math.abs(dx);
      untiedY += Math.abs(dy);
    }
  }
  return difference / Math.sqrt(untiedX * untiedY);
}

describe("Kendall's tau-b", () => {
  it('has the value of the SciPy documentation', () => {
    expect(kendallTau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])).toBeCloseTo(-0.47140452079103173, 12);
  });

  it('is the count over all pairs, with and without ties', () => {
    const random = new Random(4);
    for (let trial = 0; trial < 200; trial++) {
      const length = 2 + random.int(30);
      const levels = trial % 2 === 0 ? 5 : 1e9;
      const column = () => Array.from({ length }, () => random.int(levels));
      const [x, y] = [column(), column()];
      const expected = tauOfAllPairs(x, y);
      if (Number.isNaN(expected)) expect(kendallTau(x, y)).toBeNaN();
      else expect(kendallTau(x, y)).toBeCloseTo(expected, 10);
    }
  });

  it('is undefined for a constant column', () => {
    expect(kendallTau([1, 1, 1], [1, 2, 3])).toBeNaN();
    expect(kendallTau([1], [1])).toBeNaN();
  });
});

describe('ChurnSummary', () => {
  it('ranks both score columns, ties in order, and takes means over lists', () => {
    const summary = new ChurnSummary(2, 0.5);
    summary.add([3, 2, 1, 0], [3, 2, 1, 0]);
    summary.add([5, 5, 5, 0], [0, 5, 9, 5]);
    const { lists, overlap, jaccard, rbo, tau } = summary.means();
    expect(lists).toBe(2);
    expect(overlap).toBeCloseTo((1 + 1 / 2) / 2);
    expect(jaccard).toBeCloseTo((1 + 1 / 3) / 2);
    expect(rbo).toBeCloseTo((1 + rankBiasedOverlap([0, 1, 2, 3], [2, 1, 3, 0], 0.5)) / 2, 12);
    expect(tau).toBeCloseTo((1 + tauOfAllPairs([5, 5, 5, 0], [0, 5, 9, 5])) / 2, 12);
  });

  it('leaves lists without a tau out of its mean', () => {
    const summary = new ChurnSummary(1);
    summary.add([1, 1], [1, 2]);
    summary.add([2, 1], [1, 2]);
    expect(summary.means().tau).toBe(-1);
  });
});
