import { expect, test } from 'vitest';
import { RecentUsers } from './recent-users.ts';

const create = () => new RecentUsers({ recentUsersMax: 10, recentUsersBytesMax: 100_000 });
const state = (byte: number) => Uint8Array.of(byte);

test('a state older than the one known does not replace it', () => {
  const users = create();
  expect(users.keep('u', state(2), 20)).toBe(true);
  expect(users.keep('u', state(1), 10)).toBe(false);
  expect(users.state('u')).toEqual(state(2));
  expect(users.keep('u', state(3), 20)).toBe(true);
});

test('what a user did counts until a state knows of it', () => {
  const users = create();
  users.acted('u', 7, 15);
  users.acted('u', 8, 25);
  expect(users.state('u')).toBeUndefined();
  expect(users.actedSince('u', 0)).toEqual([7, 8]);
  users.keep('u', state(1), 20);
  expect(users.actedSince('u', 20)).toEqual([8]);
  expect(users.actedSince('v', 0)).toEqual([]);
});
