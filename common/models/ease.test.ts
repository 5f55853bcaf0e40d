import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { easeCandidates, easeNeighbours, fitEase } from './ease.ts';
import { interactionMatrix } from './interactions.ts';
import { ItemToItemScorer } from './item-to-item.ts';

const USERS = 60;
const ITEMS = 13;
/** Nobody takes it. */
const UNUSED = 4;
const random = new Random(11);
const pairs = Array.from({ length: 500 }, () => ({
  user: random.int(USERS),
  item: random.int(ITEMS),
})).filter(({ user, item }) => item !== UNUSED && (item + user) % 3 !== 0);
const matrix = interactionMatrix(
  {
    users: Uint32Array.from(pairs, ({ user }) => user),
    items: Uint32Array.from(pairs, ({ item }) => item),
  },
  USERS,
  ITEMS,
);
const taken = (user: number, item: number) =>
  Number(matrix.columns.subarray(matrix.offsets[user], matrix.offsets[user + 1]).includes(item));
const options = { regularisation: 5, itemsMax: 100 };

/** Column by column by coordinate descent: the least squares that EASE solves in closed form, without its own weight. */
function columnOf(item: number, items: readonly number[], regularisation: number): number[] {
  const weights = items.map(() => 0);
  const residual = Array.from({ length: USERS }, (_, user) => taken(user, item));
  for (let sweep = 0; sweep < 60; sweep++) {
    items.forEach((other, at) => {
      if (other === item) return;
      let product = 0;
      let square = regularisation;
      for (let user = 0; user < USERS; user++) {
        product += taken(user, other) * (residual[user] + weights[at] * taken(user, other));
        square += taken(user, other);
      }
      const change = product / square - weights[at];
      weights[at] += change;
      for (let user = 0; user < USERS; user++) residual[user] -= change * taken(user, other);
    });
  }
  return weights;
}

describe('EASE', () => {
  it('is the least-squares solution with a zero diagonal, over the items that somebody took', async () => {
    const model = await fitEase(matrix, options, 1);
    const items = [...model.items];
    expect(items).toEqual(Array.from({ length: ITEMS }, (_, item) => item).filter((item) => item !== UNUSED));
    items.forEach((item, j) => {
      const expected = columnOf(item, items, options.regularisation);
      expected.forEach((weight, i) => {
        expect(model.weights[i * items.length + j]).toBeCloseTo(weight, 5);
      });
    });
  });

  it('scores histories by their sums of weights, the items that it leaves out as the lowest', async () => {
    const model = await fitEase(matrix, { ...options, itemsMax: 8 }, 1);
    expect(model.items).toHaveLength(8);
    const users = Uint32Array.of(7, 31);
    const scores = new Float32Array(2 * ITEMS);
    await easeCandidates(model, matrix).scoreUsers(users, scores);
    users.forEach((user, row) => {
      const own = scores.subarray(row * ITEMS, (row + 1) * ITEMS);
      model.items.forEach((item, j) => {
        let sum = 0;
        model.items.forEach((other, i) => {
          sum += taken(user, other) * model.weights[i * 8 + j];
        });
        expect(own[item]).toBeCloseTo(sum, 5);
      });
      expect(own[UNUSED]).toBe(Math.min(...own));
    });
  });

  it('keeps the most popular items where there are too many', async () => {
    const count = (item: number) => matrix.columns.filter((column) => column === item).length;
    const model = await fitEase(matrix, { ...options, itemsMax: 3 }, 1);
    const fewest = Math.min(...Array.from(model.items, count));
    const others = Array.from({ length: ITEMS }, (_, item) => item).filter((i) => !model.items.includes(i));
    expect(fewest).toBeGreaterThanOrEqual(Math.max(...others.map(count)));
  });

  it('has a truncated form that scores a history as neighbours do', async () => {
    const model = await fitEase(matrix, options, 1);
    const neighbours = easeNeighbours(model, 4);
    const scorer = new ItemToItemScorer(neighbours);
    expect(scorer.score(Uint32Array.of(6))).toBe(4);
    const row = [...model.items].indexOf(6);
    const largest = Array.from(model.items, (item, j) => ({
      item,
      weight: model.weights[row * model.items.length + j],
    }))
      .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
      .slice(0, 4);
    for (const { item, weight } of largest) expect(scorer.scores[item]).toBe(weight);
    expect(neighbours.offsets[UNUSED + 1]).toBe(neighbours.offsets[UNUSED]);
  });
});
