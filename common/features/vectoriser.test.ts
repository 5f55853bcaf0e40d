import { expect, test } from 'vitest';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Catalogue } from '../catalogue/catalogue.ts';
import { Candidates, Columns, rankColumn, scoreColumn } from '../columns.ts';
import { anonymousUser, type User } from '../user-state.ts';
import { featureSchema } from './declarations.ts';
import { ItemColumns } from './item-columns.ts';
import { ItemCounters } from './item-counters.ts';
import { Vectoriser } from './vectoriser.ts';

const schema = featureSchema();
const NOW_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

function catalogue(): Catalogue {
  const items = new Catalogue('test');
  const add = (ordinal: number, fields: object): void =>
    items.apply({ epoch: ordinal + 1, ordinal, upsert: Item.fromPartial({ id: `i${ordinal}`, ...fields }) });
  add(0, {
    categories: ['drama', 'war'],
    attributes: { year: { number: 1990 } },
    availableFromMs: NOW_MS - 3 * DAY_MS,
  });
  add(1, { categories: ['drama'], attributes: { release_year: { text: '2000' } } });
  add(2, { categories: ['comedy'] });
  add(3, {});
  return items;
}

function userOf(events: readonly (readonly [item: number, action: Action])[]): User {
  return {
    ...anonymousUser,
    id: 'u',
    items: Uint32Array.from(events, ([item]) => item),
    actions: Uint8Array.from(events, ([, action]) => action),
    values: new Float32Array(events.length),
    timesMs: Float64Array.from(events, () => NOW_MS - 2 * DAY_MS),
    positives: 2,
  };
}

const candidates = new Candidates(
  Uint32Array.of(0, 2, 3),
  new Map([
    [Columns.rrf, Float32Array.of(0.3, 0.2, 0.1)],
    [rankColumn('ials'), Float32Array.of(1, 0, 4)],
    [scoreColumn('ials'), Float32Array.of(0.8, 0, 0)],
  ]),
);
const counters = new ItemCounters(7, {
  positive: Float32Array.of(9, 0, 3),
  impression: Float32Array.of(80),
  click: Float32Array.of(9),
});

function vectorised(user: User): (name: string, row: number) => number {
  const rows = new Vectoriser(new ItemColumns(catalogue()), schema).vectorise({
    candidates,
    user,
    timeMs: NOW_MS,
    counters,
  });
  expect(rows.length).toBe(candidates.count * schema.width);
  return (name, row) => {
    const column = schema.features.findIndex((feature) => feature.name === name);
    expect(column, name).toBeGreaterThanOrEqual(0);
    return rows[row * schema.width + column];
  };
}

test('what a source did not retrieve is missing, a score of 0 is 0', () => {
  const at = vectorised(anonymousUser);
  expect(at('retrieval.ials.score', 0)).toBeCloseTo(0.8);
  expect(at('retrieval.ials.log_rank', 2)).toBeCloseTo(Math.log1p(4));
  expect(at('retrieval.ials.score', 2)).toBe(0);
  for (const name of ['log_rank', 'score', 'score_share']) expect(at(`retrieval.ials.${name}`, 1)).toBeNaN();
  expect(at('retrieval.bm25.score', 0)).toBeNaN();
});

test('item features come from counters and catalogue; without impressions, year or start they are missing', () => {
  const at = vectorised(anonymousUser);
  expect(at('item.positives', 0)).toBeCloseTo(Math.log(10));
  expect(at('item.click_rate', 0)).toBeCloseTo(10 / 100);
  expect([at('item.click_rate', 1), at('item.year', 1), at('item.age_days', 1)]).toEqual([NaN, NaN, NaN]);
  expect([at('item.year', 0), at('item.positives', 2)]).toEqual([1990, 0]);
  expect(at('item.age_days', 0)).toBeCloseTo(Math.log1p(3));
});

test('taste is what was taken up, not what was hidden', () => {
  const at = vectorised(
    userOf([
      [0, Action.ACTION_VIEW],
      [1, Action.ACTION_RATING],
      [2, Action.ACTION_HIDE],
    ]),
  );
  expect(at('interaction.category_affinity', 0)).toBeCloseTo(0.75);
  expect(at('interaction.category_affinity_max', 0)).toBe(1);
  expect(at('interaction.category_affinity', 1)).toBe(0);
  expect(at('interaction.category_affinity', 2)).toBeNaN();
  expect(at('interaction.year_distance', 0)).toBe(5);
  expect(at('user.days_since_event', 0)).toBeCloseTo(Math.log1p(2));
});

test('nothing is known of an anonymous user', () => {
  const at = vectorised(anonymousUser);
  for (const name of [
    'interaction.category_affinity',
    'interaction.year_distance',
    'interaction.popularity_distance',
    'user.days_since_event',
  ]) {
    expect(at(name, 0), name).toBeNaN();
  }
  expect(at('user.positives', 0)).toBe(0);
});
