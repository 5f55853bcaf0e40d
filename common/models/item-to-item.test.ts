import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { interactionMatrix } from './interactions.ts';
import type { ItemToItemOptions } from './item-to-item.ts';
import { decodeItemToItem, encodeItemToItem, fitItemToItem, ItemToItemScorer } from './item-to-item.ts';
import { noRecency, recencyWeight } from './recency.ts';

const USERS = 40;
const ITEMS = 25;
const options: ItemToItemOptions = {
  neighbours: ITEMS,
  shrinkage: 3,
  distanceHalfLife: 4,
  backwardWeight: 0.25,
  distanceMax: 6,
  recency: { halfLifeEvents: 5, floor: 0.1 },
};

/** Each user's items, oldest first, without repeats. */
function sequences(): number[][] {
  const random = new Random(17);
  return Array.from({ length: USERS }, () => {
    const items = random.shuffle(Array.from({ length: ITEMS }, (_, item) => item));
    return items.slice(0, random.int(12));
  });
}

function matrixOf(rows: number[][], timed = true) {
  const users = Uint32Array.from(rows.flatMap((row, user) => row.map(() => user)));
  const items = Uint32Array.from(rows.flat());
  const times = Float64Array.from(rows.flatMap((row) => row.map((_, at) => at)));
  return interactionMatrix(timed ? { users, items, times } : { users, items }, rows.length, ITEMS);
}

/** The definition, pair by pair. */
function similarity(rows: number[][], from: number, to: number, o: ItemToItemOptions): number {
  const having = (item: number) => rows.filter((row) => row.includes(item)).length;
  let together = 0;
  for (const row of rows) {
    const distance = row.indexOf(to) - row.indexOf(from);
    if (!row.includes(from) || !row.includes(to) || Math.abs(distance) > o.distanceMax) continue;
    together += 2 ** (-(Math.abs(distance) - 1) / o.distanceHalfLife) * (distance > 0 ? 1 : o.backwardWeight);
  }
  if (together === 0) return 0;
  return ((together / Math.sqrt(having(from) * having(to))) * together) / (together + o.shrinkage);
}

describe('item-to-item', () => {
  const rows = sequences();
  const model = fitItemToItem(matrixOf(rows), options);

  it('holds every pair as defined, most similar first, never the item itself', () => {
    for (let item = 0; item < ITEMS; item++) {
      const expected = Array.from({ length: ITEMS }, (_, to) => to)
        .map((to) => ({ to, value: to === item ? 0 : similarity(rows, item, to, options) }))
        .filter(({ value }) => value > 0)
        .sort((a, b) => b.value - a.value || a.to - b.to);
      const start = model.offsets[item];
      expect(model.offsets[item + 1] - start).toBe(expected.length);
      expected.forEach(({ value }, i) => {
        expect(model.similarities[start + i]).toBeCloseTo(value, 6);
        expect(model.similarities[start + i]).toBeCloseTo(
          similarity(rows, item, model.neighbours[start + i], options),
          6,
        );
      });
    }
  });

  it('keeps only the best neighbours when asked for fewer', () => {
    const few = fitItemToItem(matrixOf(rows), { ...options, neighbours: 3 });
    for (let item = 0; item < ITEMS; item++) {
      const all = model.neighbours.subarray(model.offsets[item], model.offsets[item + 1]);
      expect(few.neighbours.subarray(few.offsets[item], few.offsets[item + 1])).toEqual(all.subarray(0, 3));
    }
  });

  it('is plain symmetric co-occurrence, without recency, where the data has no order', () => {
    const plain = fitItemToItem(matrixOf(rows, false), options);
    const unordered = { ...options, distanceHalfLife: Infinity, distanceMax: ITEMS, backwardWeight: 1 };
    expect(plain.options.recency).toEqual(noRecency);
    for (let entry = plain.offsets[4]; entry < plain.offsets[5]; entry++) {
      expect(plain.similarities[entry]).toBeCloseTo(
        similarity(rows, 4, plain.neighbours[entry], unordered),
        6,
      );
    }
  });

  it('scores a history by its weighted sum, the same after any other call, skipping unknown items', () => {
    const scorer = new ItemToItemScorer(model);
    const history = Uint32Array.of(3, 9, ITEMS + 4, 11);
    const weights = Float32Array.of(1, 2, 1, 0.5);
    scorer.score(Uint32Array.of(0, 1, 2, 20));
    const count = scorer.score(history, weights);
    const reached = new Set(scorer.touched.subarray(0, count));
    for (let item = 0; item < ITEMS; item++) {
      let expected = 0;
      history.forEach((from, at) => {
        if (from === item || from >= ITEMS) return;
        expected +=
          weights[at] * recencyWeight(3 - at, options.recency) * similarity(rows, from, item, options);
      });
      expect(scorer.scores[item]).toBeCloseTo(expected, 5);
      expect(reached.has(item)).toBe(expected > 0);
    }
    expect(reached.size).toBe(count);
    expect(scorer.score(new Uint32Array(0))).toBe(0);
    expect(scorer.scores.every((score) => score === 0)).toBe(true);
  });

  it('reaches an item once where opposite weights cancel', () => {
    const offsets = Uint32Array.of(0, 1, 2, 3, 3);
    const neighbours = Uint32Array.of(3, 3, 3);
    const similarities = Float32Array.of(1, -1, 0.5);
    const plain = { ...options, recency: noRecency };
    const scorer = new ItemToItemScorer({ options: plain, offsets, neighbours, similarities });
    expect(scorer.score(Uint32Array.of(0, 1, 2))).toBe(1);
    expect(scorer.scores[3]).toBe(0.5);
  });

  it('survives encoding', () => {
    expect(decodeItemToItem(encodeItemToItem(model))).toEqual(model);
  });
});
