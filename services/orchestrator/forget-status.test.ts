import { expect, test } from 'vitest';
import type { ForgetStatus } from '../../gen/millrace/logging/v1/logging.ts';
import { togetherOf } from './forget-status.ts';

function status(id: string, deadlineMs: number, stores: [string, number, string][]): ForgetStatus {
  return {
    requestId: id,
    requestedMs: 1,
    deadlineMs,
    done: stores.every(([, doneMs]) => doneMs > 0),
    stores: stores.map(([store, doneMs, detail]) => ({ store, doneMs, detail })),
  };
}

test('a person is forgotten when every name is, by the first deadline', () => {
  const first = status('a', 20, [
    ['log', 7, '2 records erased'],
    ['lake', 8, 'there is no lake'],
  ]);
  const second = status('b', 10, [
    ['log', 0, 'waits for its turn'],
    ['lake', 9, 'there is no lake'],
  ]);
  expect(togetherOf([first, second], 0)).toEqual({
    requestId: 'a',
    requestedMs: 1,
    deadlineMs: 10,
    done: false,
    stores: [
      { store: 'log', doneMs: 0, detail: '2 records erased; waits for its turn' },
      { store: 'lake', doneMs: 9, detail: 'there is no lake' },
    ],
  });
  expect(togetherOf([first], 0)).toBe(first);
  expect(togetherOf([], 3)).toBeUndefined();
});

test('a person is not forgotten while a name was never asked about, and the answer says to ask again', () => {
  const asked = status('a', 20, [
    ['log', 7, '2 records erased'],
    ['request', 8, 'the id is kept no more'],
  ]);
  expect(togetherOf([asked], 1)).toMatchObject({
    done: false,
    stores: [
      { store: 'log', doneMs: 7 },
      { store: 'request', doneMs: 0, detail: 'the id is kept no more; asked for 1 of 2 names: ask again' },
    ],
  });
});
