import { describe, expect, it } from 'vitest';
import { Adam, addPenalties, clipNorm, Sgd } from './optimiser.ts';

describe('optimisers', () => {
  it('Adam takes first steps of the learning rate and follows the published recurrence', () => {
    const parameters = Float32Array.of(1, 1, 1);
    const adam = new Adam(3);
    adam.step(parameters, Float32Array.of(100, -0.01, 0), 0.1);
    [0.9, 1.1, 1].forEach((expected, i) => {
      expect(parameters[i]).toBeCloseTo(expected, 5);
    });
    adam.step(parameters, Float32Array.of(50, 0.01, 0), 0.1);
    const m = (0.9 * 0.1 * 100 + 0.1 * 50) / (1 - 0.9 ** 2);
    const v = (0.999 * 0.001 * 100 ** 2 + 0.001 * 50 ** 2) / (1 - 0.999 ** 2);
    expect(parameters[0]).toBeCloseTo(0.9 - (0.1 * m) / (Math.sqrt(v) + 1e-8), 5);
  });

  it('SGD with momentum accumulates velocity', () => {
    const parameters = Float32Array.of(0);
    const sgd = new Sgd(1, 0.5);
    for (let i = 0; i < 3; i++) sgd.step(parameters, Float32Array.of(1), 1);
    expect(parameters[0]).toBe(-(1 + 1.5 + 1.75));
  });
});

it('penalties touch their ranges only', () => {
  const gradients = new Float32Array(3);
  addPenalties(Float32Array.of(2, -2, 2), gradients, [{ start: 0, end: 2 }], { l1: 1, l2: 0.5 });
  expect([...gradients]).toEqual([2, -2, 0]);
});

it('clipping keeps the direction and leaves short gradients alone', () => {
  const long = Float32Array.of(3, 4);
  clipNorm([long], 1);
  expect(long[0]).toBeCloseTo(0.6, 6);
  expect(long[1]).toBeCloseTo(0.8, 6);
  const short = Float32Array.of(0.3, 0.4);
  clipNorm([short.subarray(0, 1), short.subarray(1)], 1);
  expect(short).toEqual(Float32Array.of(0.3, 0.4));
});
