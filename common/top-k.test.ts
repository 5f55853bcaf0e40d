import { expect, test } from 'vitest';
import { Random } from './random.ts';
import { TopK } from './top-k.ts';

test('keeps the best rows in order, equal scores by row, whatever the order of arrival', () => {
  const random = new Random(11);
  const top = new TopK(3);
  for (let round = 0; round < 200; round++) {
    const size = random.int(60);
    const limit = random.int(20);
    const rows = random.shuffle(Array.from({ length: size }, (_, row) => row));
    const scores = Float64Array.from({ length: size }, () => random.int(8) - 4);
    top.reset(limit);
    for (const row of rows) top.offer(row, scores[row]);
    const expected = rows.sort((a, b) => scores[b] - scores[a] || a - b).slice(0, limit);
    const count = top.sort();
    expect([...top.rows.subarray(0, count)]).toEqual(expected);
    expect([...top.scores.subarray(0, count)]).toEqual(expected.map((row) => scores[row]));
  }
});

test('the floor excludes exactly the scores that cannot enter', () => {
  const top = new TopK();
  top.reset(2);
  top.offer(0, 5);
  expect(top.floor).toBe(Number.NEGATIVE_INFINITY);
  top.offer(1, 7);
  expect(top.floor).toBe(5);
  top.reset(0);
  expect(top.floor).toBe(Number.POSITIVE_INFINITY);
  top.offer(0, 1);
  expect(top.sort()).toBe(0);
});
