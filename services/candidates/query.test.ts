import { expect, test } from 'vitest';
import { createBloom } from '../../common/bloom/engines.ts';
import { Random } from '../../common/random.ts';
import { anonymousUser, type User } from '../../common/user-state.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { makeTinyWorld, tinyItem } from '../../test/support/tiny-world.ts';
import { Query } from './query.ts';

function userWith(...events: [item: number, action: Action][]): User {
  return {
    ...anonymousUser,
    items: Uint32Array.from(events, ([item]) => item),
    actions: Uint8Array.from(events, ([, action]) => action),
  };
}

function world() {
  return makeTinyWorld({ users: 1, items: 20, seed: 1 }).catalogue;
}

test('the history is the distinct positives by their latest event, weighed by how often', () => {
  const query = new Query(world());
  const { ACTION_VIEW: view, ACTION_HIDE: hide, ACTION_LIKE: like } = Action;
  query.set({
    user: userWith([3, view], [5, view], [9, hide], [3, like], [7, view], [3, view]),
    seeds: undefined,
    timeMs: 0,
  });
  expect([...query.items]).toEqual([5, 7, 3]);
  expect([...(query.weights ?? [])]).toEqual([1, 1, 3]);
  const latest = query.latest(2);
  expect([[...latest.items], [...(latest.weights ?? [])]]).toEqual([
    [7, 3],
    [1, 3],
  ]);
  query.set({ user: userWith([4, view], [2, hide], [1, like]), seeds: undefined, timeMs: 0 });
  expect([[...query.items], query.weights]).toEqual([[4, 1], undefined]);
});

test('seeds stand for the history; those beyond the catalogue are dropped', () => {
  const query = new Query(world());
  query.set({
    user: userWith([3, Action.ACTION_VIEW]),
    seeds: Uint32Array.of(19, 20, 4_000_000_000, 2),
    timeMs: 0,
  });
  expect([query.seeded, [...query.items]]).toEqual([true, [19, 2]]);
  expect([2, 3, 19].map((item) => query.skips(item))).toEqual([true, false, true]);
});

test('skips what is seen, hidden, deleted or not in the catalogue', () => {
  const catalogue = world();
  const query = new Query(catalogue);
  const seenFilter = createBloom('typed', { bits: 4096, hashes: 5 }, 1);
  seenFilter.add(11);
  const user = { ...anonymousUser, seen: Uint32Array.of(1), hidden: Uint32Array.of(2), seenFilter };
  query.set({ user: user, seeds: undefined, timeMs: 0 });
  catalogue.apply({ epoch: 21, ordinal: 5, delete: {} });
  const skipped = () => [0, 1, 2, 5, 11, 20].filter((item) => query.skips(item));
  expect(skipped()).toEqual([1, 2, 5, 11, 20]);
  expect(query.skipCount).toBe(4);
  catalogue.apply({ epoch: 22, ordinal: 5, upsert: tinyItem(5, new Random(1)) });
  expect(skipped()).toEqual([1, 2, 11, 20]);
  query.set({ user: anonymousUser, seeds: undefined, timeMs: 0 });
  expect(skipped()).toEqual([20]);
});
