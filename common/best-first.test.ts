import { describe, expect, it } from 'vitest';
import { bestFirst } from './best-first.ts';
import { Random } from './random.ts';

function byComparator(scores: Float32Array, items: Uint32Array): number[] {
  return [...scores.keys()].sort((a, b) => scores[b] - scores[a] || items[a] - items[b]);
}

describe('bestFirst', () => {
  it.each([0, 1, 2, 17, 500, 10_000])('orders %i rows as a comparator does', (count) => {
    const random = new Random(count);
    const items = random.shuffle(Uint32Array.from({ length: count }, (_, i) => i * 7));
    const scores = Float32Array.from(items, () => random.normal() * 10 ** (random.int(20) - 10));
    expect([...bestFirst(scores, items)]).toEqual(byComparator(scores, items));
  });

  it('breaks ties by ordinal, zero and negative zero being equal', () => {
    const random = new Random(1);
    const items = random.shuffle(Uint32Array.from({ length: 300 }, (_, i) => i));
    const few = [0, -0, 0.5, -0.5, -1.5e-45, 1.5e-45, 3.4e38, -3.4e38];
    const scores = Float32Array.from(items, () => few[random.int(few.length)]);
    expect([...bestFirst(scores, items)]).toEqual(byComparator(scores, items));
  });

  it('reads a view that begins inside its buffer', () => {
    const scores = new Float32Array([9, 1, 3, 2]).subarray(1);
    expect([...bestFirst(scores, Uint32Array.of(0, 1, 2))]).toEqual([1, 2, 0]);
  });
});
