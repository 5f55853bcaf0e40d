import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Fusion, type RankedList } from './fusion.ts';
import { Hits } from './hits.ts';

function list(name: string, weight: number, ...rows: [item: number, score: number][]): RankedList {
  const hits = new Hits();
  hits.reset(rows.length);
  for (const [item, score] of rows) hits.push(item, score);
  return { name, weight, hits };
}

const all = () => true;

test('sums weight / (60 + rank) over the lists, as computed by hand', () => {
  const merged = new Fusion().merge(
    [list('a', 1, [7, 9], [3, 8], [5, 7]), list('b', 0.5, [5, 0.4], [9, -0.3])],
    10,
    all,
  );
  const expected = [
    [5, 1 / 63 + 0.5 / 61],
    [7, 1 / 61],
    [3, 1 / 62],
    [9, 0.5 / 62],
  ];
  expect([...merged.items]).toEqual(expected.map(([item]) => item));
  expect(merged.column('retrieval.rrf')).toEqual(Float32Array.from(expected, ([, score]) => score));
  expect([...merged.column('retrieval.a.rank')]).toEqual([3, 1, 2, 0]);
  expect([...merged.column('retrieval.a.score')]).toEqual([7, 9, 8, 0]);
  expect([...merged.column('retrieval.b.rank')]).toEqual([1, 0, 0, 2]);
  expect(merged.column('retrieval.b.score')).toEqual(Float32Array.of(0.4, 0, 0, -0.3));
});

test('equal sums go by ordinal, the limit cuts, and what is not admitted is left out', () => {
  const lists = [list('a', 1, [40, 1], [8, 1]), list('b', 1, [8, 1], [40, 1]), list('c', 1, [2, 1], [1, 1])];
  const fusion = new Fusion();
  expect([...fusion.merge(lists, 10, all).items]).toEqual([8, 40, 2, 1]);
  const cut = fusion.merge(lists, 2, (item) => item !== 8);
  expect([...cut.items]).toEqual([40, 2]);
  expect([...cut.column('retrieval.c.rank')]).toEqual([0, 1]);
});

test('an answer keeps its values when the same instance merges again; no lists give no rows', () => {
  const fusion = new Fusion();
  const first = fusion.merge([list('a', 1, [1, 5], [2, 4])], 10, all);
  const before = structuredClone([first.items, [...first.columns]]);
  expect(fusion.merge([], 10, all).count).toBe(0);
  fusion.merge([list('a', 3, [9, 1], [2, 1], [1, 1])], 10, all);
  expect([first.items, [...first.columns]]).toEqual(before);
});

test('agrees with the definition on any lists', () => {
  const items = fc.uniqueArray(fc.nat(40), { maxLength: 30 });
  const fusion = new Fusion();
  fc.assert(
    fc.property(items, items, fc.integer({ min: 1, max: 50 }), (a, b, limit) => {
      const sums = new Map<number, number>();
      for (const [weight, order] of [
        [2, a],
        [1, b],
      ] as const)
        for (const [i, item] of order.entries())
          sums.set(item, (sums.get(item) ?? 0) + weight / (60 + i + 1));
      const expected = [...sums]
        .map(([item, sum]) => [item, Math.fround(sum)] as const)
        .sort((x, y) => y[1] - x[1] || x[0] - y[0])
        .slice(0, limit);
      const rows = (order: number[]) => order.map((item): [number, number] => [item, 1]);
      const merged = fusion.merge([list('a', 2, ...rows(a)), list('b', 1, ...rows(b))], limit, all);
      expect([...merged.items]).toEqual(expected.map(([item]) => item));
      expect([...merged.column('retrieval.rrf')]).toEqual(expected.map(([, sum]) => sum));
    }),
    { seed: 3 },
  );
});
