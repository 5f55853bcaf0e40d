import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { bprDefaults, bprStep, fitBpr } from './bpr-mf.ts';
import type { HeldOut } from './candidate-model.ts';
import { communities } from './communities.test-world.ts';
import { rankHeldOut } from './held-out.ts';

const DIM = 6;

/** The loss of a triple, in float64. */
function loss(users: Float64Array, items: Float64Array, regularisation: number): number {
  let margin = 0;
  let square = 0;
  for (let i = 0; i < DIM; i++) {
    margin += users[i] * (items[i] - items[DIM + i]);
    square += users[i] ** 2 + items[i] ** 2 + items[DIM + i] ** 2;
  }
  return Math.log1p(Math.exp(-margin)) + (regularisation / 2) * square;
}

describe('BPR-MF', () => {
  it('steps against the gradient of the loss, by finite differences', () => {
    const random = new Random(5);
    const vector = (length: number) => new Float32Array(length).map(() => random.normal());
    const [users, items] = [vector(DIM), vector(2 * DIM)];
    const [regularisation, rate, epsilon] = [0.3, 1e-3, 1e-5];
    const [stepped, steppedItems] = [users.slice(), items.slice()];
    bprStep(stepped, steppedItems, DIM, 0, 0, DIM, rate, regularisation);
    const derivative = (of: 'users' | 'items', at: number) => {
      const shifted = (by: number) => {
        const point = { users: Float64Array.from(users), items: Float64Array.from(items) };
        point[of][at] += by;
        return loss(point.users, point.items, regularisation);
      };
      return (shifted(epsilon) - shifted(-epsilon)) / (2 * epsilon);
    };
    for (let i = 0; i < DIM; i++)
      expect((users[i] - stepped[i]) / rate).toBeCloseTo(derivative('users', i), 2);
    for (let i = 0; i < 2 * DIM; i++) {
      expect((items[i] - steppedItems[i]) / rate).toBeCloseTo(derivative('items', i), 2);
    }
  });

  it('finds the communities of a small world, the same for a seed', async () => {
    const { train, test } = communities(7);
    const options = { ...bprDefaults, dim: 8, epochs: 30 };
    const model = await fitBpr(train, options, { seed: 1, threads: 1 });
    const again = await fitBpr(train, options, { seed: 1, threads: 1 });
    expect(again.itemFactors).toEqual(model.itemFactors);
    const [{ recall }] = await rankHeldOut(model, train, test, [10]);
    expect(recall).toBeGreaterThan(0.7);
  });

  it('stops by the held-out merit', async () => {
    const { train } = communities(7);
    const done: number[] = [];
    const heldOut: HeldOut = { patience: 1, merit: async () => -done.length };
    const onProgress = (epoch: number) => done.push(epoch);
    const options = { ...bprDefaults, dim: 4, epochs: 50, measureEvery: 3 };
    await fitBpr(train, options, { seed: 1, threads: 1, heldOut, onProgress });
    expect(done.at(-1)).toBe(6);
  });

  it('bears people who have everything, nothing, and a catalogue of one item', async () => {
    const all = communities(1, { users: 3, items: 1, communityCount: 1, taken: 1, heldOut: 0 }).train;
    const options = { ...bprDefaults, dim: 4, epochs: 2, negativeExponent: 0.5 };
    const { userFactors } = await fitBpr(all, options, { seed: 1, threads: 1 });
    expect(userFactors.every(Number.isFinite)).toBe(true);
  });
});
