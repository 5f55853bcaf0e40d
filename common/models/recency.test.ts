import { expect, it } from 'vitest';
import { interactionMatrix } from './interactions.ts';
import { isOrdered, noRecency, recencyWeight, withRecency } from './recency.ts';

const users = Uint32Array.of(0, 0, 0, 1);
const items = Uint32Array.of(5, 4, 3, 5);

it('halves the fading part every half-life and keeps the floor', () => {
  const options = { halfLifeEvents: 4, floor: 0.2 };
  expect(recencyWeight(0, options)).toBe(1);
  expect(recencyWeight(4, options)).toBeCloseTo(0.6, 12);
  expect(recencyWeight(1e6, options)).toBe(0.2);
  expect(recencyWeight(1e6, noRecency)).toBe(1);
});

it('multiplies weights by the age within the row and leaves the source alone', () => {
  const weights = Float32Array.of(1, 1, 2, 3);
  const matrix = interactionMatrix({ users, items, weights, times: Float64Array.of(1, 2, 3, 9) }, 2, 6);
  const faded = withRecency(matrix, { halfLifeEvents: 1, floor: 0 });
  expect(faded.weights).toEqual(Float32Array.of(0.25, 0.5, 2, 3));
  expect(matrix.weights).toEqual(weights);
});

it('sees an order only where times differ', () => {
  expect(isOrdered(interactionMatrix({ users, items }, 2, 6))).toBe(false);
  expect(isOrdered(interactionMatrix({ users, items, times: Float64Array.of(1, 1, 2, 1) }, 2, 6))).toBe(true);
});
