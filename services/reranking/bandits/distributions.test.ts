import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  armAt,
  bag,
  enforceMinimumProbability,
  epsilonGreedy,
  mixWithUniform,
  normalise,
  softmax,
} from './distributions.ts';

const VECTORS = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors/bandits/vw_exploration.json');
const absent = !existsSync(VECTORS);
const reason = absent ? ` (skipped: no ${VECTORS}; set MILLRACE_SHARED)` : '';

interface Vectors {
  readonly tolerance_abs: number;
  readonly epsilon_greedy: { epsilon?: number; top?: number; n: number; pdf?: number[]; refuse?: boolean }[];
  readonly softmax: { lambda_: number; scores: number[]; pdf: number[] }[];
  readonly bag: { votes: number[]; n?: number; pdf: number[] }[];
  readonly enforce_minimum_probability: {
    amount: number;
    include_zeros: boolean;
    pdf: number[];
    expected: number[];
  }[];
  readonly mix_with_uniform: { amount: number; pdf: number[]; expected: number[] }[];
  readonly normalise_before_sampling: { pdf: number[]; expected: number[] }[];
}

describe.skipIf(absent)(`distributions are those of Vowpal Wabbit${reason}`, () => {
  const vectors: Vectors = absent ? ({} as Vectors) : JSON.parse(readFileSync(VECTORS, 'utf8'));
  const made = (from: number[], change: (pdf: Float64Array) => void, expected: number[]): void => {
    const pdf = Float64Array.from(from);
    change(pdf);
    for (const [arm, value] of expected.entries())
      expect(Math.abs(pdf[arm] - value)).toBeLessThanOrEqual(vectors.tolerance_abs);
    expect(pdf).toHaveLength(expected.length);
  };
  const zeros = (count: number): number[] => new Array(count).fill(0);

  it('epsilon-greedy, and refuses to choose among nothing', () => {
    for (const { epsilon = 0, top = 0, n, pdf, refuse } of vectors.epsilon_greedy) {
      if (refuse) expect(() => epsilonGreedy(top, epsilon, new Float64Array(n))).toThrow(RangeError);
      else made(zeros(n), (out) => epsilonGreedy(top, epsilon, out), pdf as number[]);
    }
  });

  it('softmax', () => {
    for (const { lambda_, scores, pdf } of vectors.softmax)
      made(zeros(scores.length), (out) => softmax(scores, lambda_, out), pdf);
  });

  it('bag', () => {
    for (const { votes, pdf } of vectors.bag) made(zeros(pdf.length), (out) => bag(votes, out), pdf);
  });

  it('a minimum probability', () => {
    for (const { amount, include_zeros, pdf, expected } of vectors.enforce_minimum_probability)
      made(pdf, (out) => enforceMinimumProbability(out, amount, include_zeros), expected);
  });

  it('a mixture with the uniform distribution', () => {
    for (const { amount, pdf, expected } of vectors.mix_with_uniform)
      made(pdf, (out) => mixWithUniform(out, amount), expected);
  });

  it('weights that are to be drawn from', () => {
    for (const { pdf, expected } of vectors.normalise_before_sampling) made(pdf, normalise, expected);
  });
});

it('a minimum probability holds for every arm, and probabilities sum to 1', () => {
  const weights = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(weights, fc.double({ min: 0, max: 1, noNaN: true }), (values, amount) => {
      const pdf = Float64Array.from(values);
      normalise(pdf);
      enforceMinimumProbability(pdf, amount, true);
      expect(pdf.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
      expect(Math.min(...pdf)).toBeGreaterThanOrEqual((amount / pdf.length) * (1 - 1e-9));
    }),
    { seed: 7 },
  );
});

it('an arm of probability 0 is never drawn, whatever rounding leaves over', () => {
  const pdf = Float64Array.of(0, 0.1, 0.2, 0.7 - 1e-12, 0);
  for (const u of [0, 0.09, 0.1, 0.3, 1 - 2 ** -32]) expect([1, 2, 3]).toContain(armAt(pdf, u));
});
