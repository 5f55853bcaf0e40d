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
  expect(togetherOf([first, second])).toEqual({
    requestId: 'a',
    requestedMs: 1,
    deadlineMs: 10,
    done: false,
    stores: [
      { store: 'log', doneMs: 0, detail: '2 records erased; waits for its turn' },
      { store: 'lake', doneMs: 9, detail: 'there is no lake' },
    ],
  });
  expect(togetherOf([first])).toBe(first);
  expect(togetherOf([])).toBeUndefined();
});
