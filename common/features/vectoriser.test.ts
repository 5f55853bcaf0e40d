import { expect, test } from 'vitest';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Catalogue } from '../catalogue/catalogue.ts';
import { Candidates, Columns, rankColumn, scoreColumn } from '../columns.ts';
import { anonymousUser, type User } from '../user-state.ts';
import { declaredFeatureSchema } from './declared.ts';
import { ItemColumns } from './item-columns.ts';
import { ItemCounters } from './item-counters.ts';
import { featureSchema } from './schema.ts';
import { largestScores, Vectoriser } from './vectoriser.ts';

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
    const column = schema.columns.indexOf(name);
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

const studio = declaredFeatureSchema.parse({
  name: 'item.budget',
  entity: 'item',
  attribute: 'budget',
  type: 'number',
  encoding: { kind: 'number' },
  default: -1,
  owner: 'films',
});

test('a declared default stands for what is missing; what is of another type has failed and is NaN', () => {
  const items = new Catalogue('test');
  const budgets = [{ number: 5 }, undefined, { text: 'much' }, { text: '7' }];
  for (const [ordinal, budget] of budgets.entries()) {
    const item = Item.fromPartial({ id: `i${ordinal}`, ...(budget && { attributes: { budget } }) });
    items.apply({ epoch: ordinal + 1, ordinal, upsert: item });
  }
  const vectoriser = new Vectoriser(
    new ItemColumns(items),
    featureSchema([], { choice: ['item.budget', 'item.year'], declared: [studio] }),
  );
  const of = (...ordinals: number[]): number[] => {
    const rows = vectoriser.vectorise({
      candidates: new Candidates(Uint32Array.from(ordinals)),
      user: anonymousUser,
      timeMs: NOW_MS,
      counters,
    });
    return ordinals.map((_, row) => rows[row * 2 + 1]);
  };
  expect(of(0, 1, 3)).toEqual([5, -1, 7]);
  expect(vectoriser.failed).toEqual([]);
  expect(of(2, 1)).toEqual([NaN, -1]);
  expect(vectoriser.failed).toEqual(['item.budget']);
  items.apply({
    epoch: 9,
    ordinal: 2,
    upsert: Item.fromPartial({ id: 'i2', attributes: { budget: { number: 3 } } }),
  });
  expect(of(2, 1)).toEqual([3, -1]);
  expect(vectoriser.failed).toEqual([]);
  vectoriser.close();
});

test('words of items, of the user and of the request stand in their columns', () => {
  const declared = [
    {
      name: 'item.studio',
      entity: 'item',
      attribute: 'studio',
      type: 'category',
      encoding: { kind: 'one-hot' },
    },
    {
      name: 'item.sound',
      entity: 'item',
      attribute: 'sound',
      type: 'vector',
      encoding: { kind: 'vector', dim: 2 },
    },
    { name: 'user.job', entity: 'user', attribute: 'job', type: 'category', encoding: { kind: 'one-hot' } },
  ].map((fields) => declaredFeatureSchema.parse({ owner: 'films', ...fields }));
  const encoders = new Map([
    ['item.studio', { words: ['ufa', 'defa'], numbers: new Float64Array(0) }],
    ['user.job', { words: ['cook'], numbers: new Float64Array(0) }],
  ]);
  const choice = ['item.studio', 'item.sound', 'user.job', 'context.device'];
  const wide = featureSchema([], { choice, declared, encoders });
  const items = new Catalogue('test');
  const add = (ordinal: number, attributes: object): void =>
    items.apply({ epoch: ordinal + 1, ordinal, upsert: Item.fromPartial({ id: `i${ordinal}`, attributes }) });
  add(0, { studio: { text: 'defa' }, sound: { texts: { values: ['0.5', '-2'] } } });
  add(1, { studio: { text: 'pixar' }, sound: { texts: { values: ['0.5'] } } });
  add(2, {});
  const vectoriser = new Vectoriser(new ItemColumns(items), wide);
  const rows = vectoriser.vectorise({
    candidates: new Candidates(Uint32Array.of(0, 1, 2)),
    user: { ...anonymousUser, profile: { job: { text: 'cook' } } },
    timeMs: NOW_MS,
    counters,
    context: { device: 'tv', locale: '', surface: '', region: '' },
  });
  const row = (at: number): Record<string, number> =>
    Object.fromEntries(wide.columns.map((name, column) => [name, rows[at * wide.width + column]]));
  const device = {
    'context.device=mobile': 0,
    'context.device=desktop': 0,
    'context.device=tablet': 0,
    'context.device=tv': 1,
    'context.device=other': 0,
  };
  const job = { 'user.job=cook': 1, 'user.job=other': 0 };
  const item = (ufa: number, defa: number, other: number, sound: number[]): Record<string, number> => ({
    'item.studio=ufa': ufa,
    'item.studio=defa': defa,
    'item.studio=other': other,
    'item.sound.0': sound[0],
    'item.sound.1': sound[1],
  });
  expect(row(0)).toEqual({ ...device, ...item(0, 1, 0, [0.5, -2]), ...job });
  expect(row(1)).toEqual({ ...device, ...item(0, 0, 1, [NaN, NaN]), ...job });
  expect(row(2)).toEqual({ ...device, ...item(NaN, NaN, NaN, [NaN, NaN]), ...job });
  expect(vectoriser.failed).toEqual(['item.sound']);
});

test('every built-in feature is the same for a candidate alone as among others, and after the catalogue came by changes', () => {
  const all = featureSchema(undefined, { choice: ['all'] });
  const user = userOf([
    [0, Action.ACTION_VIEW],
    [1, Action.ACTION_RATING],
    [0, Action.ACTION_RATING],
  ]);
  const whole = new Vectoriser(new ItemColumns(catalogue()), all);
  const grown = new Catalogue('test');
  const later = new Vectoriser(new ItemColumns(grown), all);
  for (const change of catalogue().changesSince(0)) grown.apply(change);
  const largest = largestScores(candidates);
  const input = { user, timeMs: NOW_MS, counters, largestScores: largest };
  const together = whole.vectorise({ ...input, candidates });
  expect(later.vectorise({ ...input, candidates })).toEqual(together);
  for (let row = 0; row < candidates.count; row++) {
    const alone = whole.vectorise({ ...input, candidates: candidates.take([row]) });
    expect(alone).toEqual(together.subarray(row * all.width, (row + 1) * all.width));
  }
});

test('what the person did with an item before, friends’ items and stated preferences', () => {
  const choice = ['prior', 'social', 'preferences'];
  const social = featureSchema([], { choice });
  const user: User = {
    ...userOf([
      [0, Action.ACTION_VIEW],
      [0, Action.ACTION_RATING],
      [2, Action.ACTION_HIDE],
    ]),
    values: Float32Array.of(NaN, 4, NaN),
    preferences: new Map([
      ['drama', 2],
      ['comedy', -1],
    ]),
    friendItems: Uint32Array.of(2, 2, 1),
  };
  const rows = new Vectoriser(new ItemColumns(catalogue()), social).vectorise({
    candidates,
    user,
    timeMs: NOW_MS,
    counters,
  });
  const column = (name: string): number[] => {
    const at = social.columns.indexOf(name);
    return [0, 1, 2].map((row) => rows[row * social.width + at]);
  };
  expect(column('interaction.prior_events').map((value) => Math.round(Math.expm1(value)))).toEqual([2, 1, 0]);
  expect(column('interaction.prior_positives').map((value) => Math.round(Math.expm1(value)))).toEqual([
    2, 0, 0,
  ]);
  expect(column('interaction.prior_rating')).toEqual([4, NaN, NaN]);
  expect(column('interaction.days_since_prior')[2]).toBeNaN();
  expect(column('interaction.preference')).toEqual([1, -1, NaN]);
  expect(column('interaction.preference_max')).toEqual([2, -1, NaN]);
  expect(column('interaction.friend_positives').map((value) => Math.round(Math.expm1(value)))).toEqual([
    0, 2, 0,
  ]);
  expect(column('interaction.friend_category_affinity')[0]).toBeCloseTo(1 / 6);
});
