import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ItemValues } from '../../../common/catalogue/item-values.ts';
import { Random } from '../../../common/random.ts';
import { SlateAssembler } from './assembler.ts';
import { MmrSelector } from './mmr.ts';
import { CosineSimilarity } from './similarity.ts';
import { WindowCap } from './window-cap.ts';

const names = ['Drama', 'Comedy', 'Horror', 'Western'];

function slateOf(
  categories: readonly string[][],
  itemsMax: number,
  window: number,
  limit: number,
  pins?: Int32Array,
) {
  const numbered = new ItemValues();
  for (const [item, own] of categories.entries()) numbered.set(item, own);
  const items = Uint32Array.from(categories, (_, item) => item);
  const utilities = Float32Array.from(items, (item) => -item);
  const similarity = new CosineSimilarity(new Float32Array(0), 1);
  similarity.load(items);
  const cap = new WindowCap(numbered, { name: 'cap', authority: 'objective', itemsMax, window });
  const order = { items, utilities, constraints: [cap], ...(pins === undefined ? {} : { pins }) };
  const { rows, unmet } = new SlateAssembler().assemble(order, new MmrSelector(1), similarity, limit);
  return { rows, relaxed: unmet[0]?.slots ?? 0 };
}

it('passes over rows of a full category, then fills up with the best of them', () => {
  const categories = [['a'], ['a'], ['a'], ['a'], ['b'], [], ['a', 'b']];
  const slate = slateOf(categories, 2, 0, 7);
  expect([...slate.rows]).toEqual([0, 1, 4, 5, 2, 3, 6]);
  expect(slate.relaxed).toBe(3);
});

it('counts an item of several categories for each', () => {
  expect([...slateOf([['a', 'b'], ['a'], ['b'], ['c']], 1, 0, 2).rows]).toEqual([0, 3]);
});

it('limits every window of a sliding cap, the pinned rows counted', () => {
  expect([...slateOf([['a'], ['a'], ['a'], ['b'], ['b']], 1, 2, 5).rows]).toEqual([0, 3, 1, 4, 2]);
  const pins = Int32Array.of(-1, -1, 0);
  expect([...slateOf([['a'], ['a'], ['b'], ['b'], ['c']], 1, 2, 4, pins).rows]).toEqual([1, 2, 0, 3]);
});

it('never exceeds the cap unless it says so, and always fills the slate', () => {
  fc.assert(
    fc.property(
      fc.record({
        categories: fc.array(fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 }), {
          minLength: 1,
          maxLength: 30,
        }),
        itemsMax: fc.integer({ min: 1, max: 4 }),
        window: fc.nat(8),
        limit: fc.integer({ min: 1, max: 20 }),
        pinned: fc.boolean(),
      }),
      ({ categories, itemsMax, window, limit, pinned }) => {
        const pins = pinned ? Int32Array.of(-1, -1, categories.length - 1) : undefined;
        const { rows, relaxed } = slateOf(categories, itemsMax, window, limit, pins);
        expect(new Set(rows).size).toBe(Math.min(limit, categories.length));
        if (pinned && limit > 2 && categories.length > 2) expect(rows[2]).toBe(categories.length - 1);
        const length = window === 0 ? rows.length : Math.min(window, rows.length);
        let fullest = 0;
        for (let start = 0; start + length <= rows.length; start++) {
          const within = [...rows.subarray(start, start + length)].flatMap((row) => categories[row]);
          for (const name of names) fullest = Math.max(fullest, within.filter((own) => own === name).length);
        }
        if (relaxed === 0) expect(fullest).toBeLessThanOrEqual(itemsMax);
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});

it('keeps categories of items set in any order, set again, and never set', () => {
  const random = new Random(1);
  const numbered = new ItemValues();
  const expected = new Map<number, string[]>();
  const all = Array.from({ length: 300 }, (_, i) => `c${i}`);
  for (let i = 0; i < 2000; i++) {
    const own = random.shuffle([...all]).slice(0, random.int(6));
    const item = random.int(500);
    numbered.set(item, own);
    expected.set(item, own);
  }
  const numberOf = new Map<string, number>();
  for (const [item, own] of expected) {
    expect(numbered.lengthOf(item)).toBe(own.length);
    for (const [i, name] of own.entries()) {
      const number = numbered.at(item, i);
      expect(numberOf.get(name) ?? number).toBe(number);
      numberOf.set(name, number);
    }
  }
  expect(new Set(numberOf.values()).size).toBe(numberOf.size);
  expect(numbered.lengthOf(10_000)).toBe(0);
});
