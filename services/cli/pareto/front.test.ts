import fc from 'fast-check';
import { expect, it } from 'vitest';
import { balancedPoint, paretoFront } from './front.ts';

const point = (x: number, y: number) => ({ x, y });

it('keeps what nothing beats, of equal points the first', () => {
  const points = [point(1, 5), point(2, 4), point(2, 3), point(5, 1), point(1, 5), point(0, 0)];
  expect(paretoFront(points, ['x', 'y'])).toEqual([0, 1, 3]);
  expect(paretoFront(points, ['y'])).toEqual([0]);
});

it('every point left out is beaten or equalled by one on the front', () => {
  const points = fc.array(fc.record({ x: fc.nat(6), y: fc.nat(6), z: fc.nat(6) }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(points, (all) => {
      const front = paretoFront(all, ['x', 'y', 'z']).map((i) => all[i]);
      const atLeast = (a: (typeof all)[0], b: (typeof all)[0]) => a.x >= b.x && a.y >= b.y && a.z >= b.z;
      expect(all.every((one) => front.some((best) => atLeast(best, one)))).toBe(true);
      expect(front.some((a, i) => front.some((b, j) => i !== j && atLeast(a, b)))).toBe(false);
    }),
    { seed: 1 },
  );
});

it('balanced is the point nearest to the best of all, whatever the scales', () => {
  const points = [point(0, 100), point(0.8, 80), point(1, 0)];
  expect(balancedPoint(points, ['x', 'y'])).toBe(1);
  expect(balancedPoint([point(1, 1), point(1, 2)], ['x'])).toBe(0);
});
