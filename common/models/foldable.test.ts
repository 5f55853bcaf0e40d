import { expect, it } from 'vitest';
import { Random } from '../random.ts';
import { foldable } from './foldable.ts';
import { IalsUserSolver } from './ials.ts';
import { noRecency } from './recency.ts';
import { vectorModel } from './vector-model.ts';

const DIM = 6;
const ITEMS = 40;
const random = new Random(11);
const itemFactors = new Float32Array(ITEMS * DIM).map(() => 0.3 * random.normal());
const history = Uint32Array.of(2, 7, 19);

function folded(
  factors: Float32Array,
  regularisation: number,
): { vector: Float32Array; items: Float32Array } {
  const model = vectorModel(DIM, new Float32Array(DIM), factors);
  const fold = foldable(model, { regularisation, recency: noRecency }, 1);
  const vector = new Float32Array(DIM);
  new IalsUserSolver(fold).solve(history, undefined, vector);
  return { vector, items: fold.itemFactors };
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return ab / Math.sqrt(aa * bb);
}

it('tends to the direction of the mean of the history as it is regularised more', () => {
  const mean = Float32Array.from({ length: DIM }, (_, i) =>
    history.reduce((sum, item) => sum + itemFactors[item * DIM + i], 0),
  );
  const closeness = [0.001, 0.1, 100].map((regularisation) =>
    cosine(folded(itemFactors, regularisation).vector, mean),
  );
  expect(closeness[2]).toBeGreaterThan(0.9999);
  expect(closeness[0]).toBeLessThan(closeness[1]);
  expect(closeness[1]).toBeLessThan(closeness[2]);
});

it('scores its history above what it has not seen', () => {
  const { vector, items } = folded(itemFactors, 0.001);
  const score = (item: number) => vector.reduce((sum, value, i) => sum + value * items[item * DIM + i], 0);
  const others = Array.from({ length: ITEMS }, (_, item) => item).filter((item) => !history.includes(item));
  const mean = (ordinals: readonly number[]) =>
    ordinals.reduce((sum, item) => sum + score(item), 0) / ordinals.length;
  expect(mean([...history])).toBeGreaterThan(mean(others) + 0.1);
});

it('means the same by a regularisation whatever the scale of the factors', () => {
  const large = folded(
    itemFactors.map((value) => 50 * value),
    0.05,
  ).vector;
  folded(itemFactors, 0.05).vector.forEach((value, i) => {
    expect(large[i]).toBeCloseTo(value, 4);
  });
});
