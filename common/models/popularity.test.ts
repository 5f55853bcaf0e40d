import { expect, it } from 'vitest';
import { interactionMatrix } from './interactions.ts';
import { decodePopularity, encodePopularity, fitPopularity } from './popularity.ts';

const matrix = interactionMatrix(
  {
    users: Uint32Array.of(0, 1, 2, 0, 1, 2),
    items: Uint32Array.of(3, 3, 3, 1, 4, 1),
    times: Float64Array.of(0, 0, 0, 200, 200, 200),
  },
  3,
  5,
);

it('counts events, most first, ties by ordinal', () => {
  const model = fitPopularity(matrix);
  expect(model.scores).toEqual(Float32Array.of(0, 2, 0, 3, 1));
  expect(model.order).toEqual(Uint32Array.of(3, 1, 4, 0, 2));
});

it('halves an event of one half-life, counting ages from the newest event or from a given time', () => {
  const model = fitPopularity(matrix, { halfLifeMs: 100 });
  expect(model.scores).toEqual(Float32Array.of(0, 2, 0, 0.75, 1));
  expect(model.order).toEqual(Uint32Array.of(1, 4, 3, 0, 2));
  expect(fitPopularity(matrix, { halfLifeMs: 100, nowMs: 300 }).scores[1]).toBe(1);
});

it('survives encoding', () => {
  const model = fitPopularity(matrix);
  expect(decodePopularity(encodePopularity(model))).toEqual(model);
});
