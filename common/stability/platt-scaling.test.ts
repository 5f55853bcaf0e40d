import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { plattScaled } from './platt-scaling.ts';

const ROWS = 20_000;

/** Log-odds and labels drawn from them. */
function world(seed: number): { logits: Float32Array; labels: Float32Array } {
  const random = new Random(seed);
  const logits = Float32Array.from({ length: ROWS }, () => random.normal() - 1);
  const labels = logits.map((logit) => Number(random.next() < 1 / (1 + Math.exp(-logit))));
  return { logits, labels };
}

function worstError(probabilities: Float32Array, logits: Float32Array): number {
  return probabilities.reduce(
    (worst, p, row) => Math.max(worst, Math.abs(p - 1 / (1 + Math.exp(-logits[row])))),
    0,
  );
}

describe('plattScaled', () => {
  it('recovers the probabilities behind scores on a scale of their own', () => {
    const { logits, labels } = world(1);
    const scaled = plattScaled(
      logits.map((logit) => 7 * logit - 40),
      labels,
    );
    expect(worstError(scaled, logits)).toBeLessThan(0.03);
  });

  it('leaves calibrated probabilities nearly as they are, and moves the base rate of others', () => {
    const { logits, labels } = world(2);
    const probabilities = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
    expect(worstError(plattScaled(probabilities, labels), logits)).toBeLessThan(0.03);
    const rarer = logits.map((logit) => 1 / (1 + Math.exp(3 - logit)));
    expect(worstError(plattScaled(rarer, labels), logits)).toBeLessThan(0.03);
  });

  it('counts a row of weight 3000 as three thousand rows', () => {
    const weighted = plattScaled(Float32Array.of(5, 5), Float32Array.of(1, 0), Float32Array.of(3000, 1000));
    expect(weighted[0]).toBeCloseTo(0.75, 3);
  });

  it('stays finite where scores separate the labels', () => {
    const scaled = plattScaled(Float32Array.of(-2, -1, 1, 2), Float32Array.of(0, 0, 1, 1));
    expect(scaled.every((p) => p > 0 && p < 1)).toBe(true);
    expect(scaled[1]).toBeLessThan(0.5);
    expect(scaled[2]).toBeGreaterThan(0.5);
  });
});
