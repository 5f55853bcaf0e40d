import { expect, it } from 'vitest';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { logOf } from '../../test/support/tiny-log.ts';
import { trainSchema } from './config.ts';
import { backgroundOf, measure, type Recommender } from './evaluation.ts';
import { holdOut, trialsOf } from './holdout.ts';

const { ACTION_VIEW: VIEW } = Action;
const ROWS = [0, 1, 2, 3].map((item) => [0, item, VIEW] as const);
const OTHERS = [0, 2, 4, 5].map((item) => [1, item, VIEW] as const);

/** Held out by ratio: users 0 and 1 each keep the first two of theirs. */
function world(categoriesOf?: (item: number) => string[]) {
  const data = logOf([...ROWS, ...OTHERS], 8, categoriesOf);
  const holdout = holdOut(data, trainSchema.parse({ evaluation: { split: { ratio: 0.5 } } }));
  return { trials: trialsOf(data, holdout), background: backgroundOf(data.catalogue, holdout.train) };
}

const always =
  (...items: number[]): Recommender =>
  async () =>
    Uint32Array.from(items);

it('measures lists of several relevant items, by hand', async () => {
  const { trials, background } = world();
  const { model } = await measure(new Map([['model', always(2, 0, 4)]]), trials, background, () => {}, 2);
  // User 0: 2 is relevant (of 2, 3), 0 is not; user 1: neither is (of 4, 5), 4 is beyond the cut-off.
  const ideal = 1 + 1 / Math.log2(3);
  expect(model.ndcg[0]).toBeCloseTo(1 / ideal, 12);
  expect(model.ndcg[1]).toBe(0);
  const { metrics } = model;
  expect(metrics['hr@2']).toBe(0.5);
  expect(metrics['ndcg@2']).toBeCloseTo(0.5 / ideal, 12);
  expect(metrics['precision@2']).toBe(0.25);
  expect(metrics['recall@2']).toBe(0.25);
  expect(metrics['map@2']).toBe(0.25);
  expect(metrics['mrr@2']).toBe(0.5);
  expect(metrics['coverage@2']).toBe(2 / 8);
  expect(metrics.users).toBe(2);
  // Training: user 0 took up 0, 1; user 1 took up 0, 2. Item 2 has one of four interactions, item 0 two.
  expect(metrics['novelty@2']).toBe(1.5);
  expect(metrics['popularity@2']).toBe(1.5);
  expect(metrics['gini@2']).toBeCloseTo(0.75, 12);
  expect(metrics['diversity@2']).toBeCloseTo(1 - 1 / Math.sqrt(2), 12);
  // Of user 0, item 2 was taken up with item 0 (cosine 1/√2) and never with item 1.
  expect(metrics['serendipity@2']).toBeCloseTo((0.5 * (1 - 1 / Math.sqrt(2) / 2)) / 2, 12);
  expect(metrics['ndcg@2-low']).toBe(0);
  expect(metrics['ndcg@2-high']).toBeCloseTo(1 / ideal, 12);
  expect(metrics).not.toHaveProperty('miscalibration@2');
});

it('measures calibration and diversity by categories where there are any', async () => {
  const { trials, background } = world((item) => (item === 7 ? [] : [item < 4 ? 'a' : 'b']));
  const { alike, mixed, none } = await measure(
    new Map([
      ['alike', always(2, 3)],
      ['mixed', always(2, 4)],
      ['none', always(7)],
    ]),
    trials,
    background,
    () => {},
  );
  expect(alike.metrics['category-diversity@10']).toBe(0);
  expect(mixed.metrics['category-diversity@10']).toBe(1);
  expect(alike.metrics['miscalibration@10']).toBeCloseTo(0, 12);
  expect(mixed.metrics['miscalibration@10']).toBeCloseTo(Math.log(1 / (0.99 * 0.5 + 0.01)), 12);
  for (const name of ['miscalibration@10', 'category-diversity@10', 'diversity@10'])
    expect(none.metrics).not.toHaveProperty(name);
});

it('asks for lists with the user and the time alone', async () => {
  const { trials, background } = world();
  const asked: unknown[] = [];
  const recommend: Recommender = async (request, limit) => {
    asked.push({ ...request, limit });
    return new Uint32Array(0);
  };
  const { model } = await measure(new Map([['model', recommend]]), trials, background, () => {});
  expect(asked).toEqual([
    { userId: 'u0', timeMs: 2, limit: 10 },
    { userId: 'u1', timeMs: 6, limit: 10 },
  ]);
  expect(model.metrics).toMatchObject({ 'ndcg@10': 0, 'coverage@10': 0, 'novelty@10': 0, users: 2 });
});
