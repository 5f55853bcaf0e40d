import { expect, test } from 'vitest';
import { seededBytes } from '../../test/support/seeded-bytes.ts';
import { PrivacyAccount } from '../privacy/accountant.ts';
import { ExactNoise } from '../privacy/exact-noise.ts';
import { interactionMatrix } from './interactions.ts';
import { itemToItemDefaults } from './item-to-item.ts';
import {
  privateCounts,
  privateCountsSchema,
  privateItemToItem,
  privatePopularity,
} from './private-counts.ts';

const SEED = 20261126;
const release = { releases: 2, distanceHalfLife: 3 };

/** Each user's items in order. */
function matrixOf(sequences: readonly (readonly number[])[], itemCount: number) {
  const events = sequences.flatMap((items, user) => items.map((item, time) => ({ user, item, time })));
  return interactionMatrix(
    {
      users: Uint32Array.from(events, ({ user }) => user),
      items: Uint32Array.from(events, ({ item }) => item),
      times: Float64Array.from(events, ({ time }) => time),
    },
    sequences.length,
    itemCount,
  );
}

const noise = () => new ExactNoise(seededBytes(SEED));

test(`with much to spend the counts are those of the users (seed ${SEED})`, () => {
  const matrix = matrixOf(
    [...Array.from({ length: 400 }, () => [0, 1, 2]), ...Array.from({ length: 100 }, () => [3, 0])],
    5,
  );
  const options = privateCountsSchema.parse({ epsilon: 500, itemsMax: 4 });
  const counts = privateCounts(matrix, options, { ...release, noise: noise() });
  const expected = [500, 400, 400, 100, 0];
  for (const [item, users] of expected.entries())
    expect(Math.abs(counts.users[item] - users)).toBeLessThan(20);
  expect([...privatePopularity(counts).order.slice(0, 1)]).toEqual([0]);
  const { offsets, neighbours } = privateItemToItem(counts, itemToItemDefaults);
  const of = (item: number): number[] => [...neighbours.subarray(offsets[item], offsets[item + 1])];
  expect(of(1).sort()).toEqual([0, 2]);
  expect(of(3)).toEqual([0]);
  expect(of(4)).toEqual([]);
});

test('of each user the latest items and near pairs alone count, however much they did', () => {
  const long = Array.from({ length: 60 }, (_, i) => i);
  const many = Array.from({ length: 500 }, () => long);
  const options = privateCountsSchema.parse({
    epsilon: 1_000,
    itemsPerUser: 4,
    distanceMax: 1,
    itemsMax: 60,
  });
  const { users, items, pairs, pairDeviation } = privateCounts(matrixOf(many, 60), options, {
    ...release,
    noise: noise(),
  });
  const counted = [...users.keys()].filter((item) => users[item] > 100);
  expect(counted).toEqual([56, 57, 58, 59]);
  const near: number[][] = [];
  for (let high = 1, at = 0; high < items.length; high++)
    for (let low = 0; low < high; low++, at++)
      if (pairs[at] > 20 * pairDeviation) near.push([items[high], items[low]].sort());
  expect(near.sort()).toEqual([
    [56, 57],
    [57, 58],
    [58, 59],
  ]);
});

test('all releases together cost no more than what was asked for', () => {
  for (const epsilon of [0.3, 1, 10]) {
    const options = privateCountsSchema.parse({ epsilon, itemsMax: 2 });
    const { loss } = privateCounts(matrixOf([[0, 1]], 3), options, { ...release, noise: noise() });
    const account = new PrivacyAccount();
    for (let i = 0; i < release.releases; i++) account.add(loss);
    expect(account.epsilon(options.delta)).toBeLessThanOrEqual(epsilon);
    expect(account.epsilon(options.delta, loss)).toBeGreaterThan(epsilon);
  }
});

test('a user more or fewer moves no count by more than the noise hides', () => {
  const others = Array.from({ length: 50 }, () => [0, 1]);
  const options = privateCountsSchema.parse({ epsilon: 1, itemsMax: 2 });
  const { pairDeviation } = privateCounts(matrixOf(others, 3), options, { ...release, noise: noise() });
  expect(pairDeviation).toBeGreaterThan(10);
});
