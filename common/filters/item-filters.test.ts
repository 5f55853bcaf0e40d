import { expect, it } from 'vitest';
import type { Item } from '../../gen/millrace/features/v1/features.ts';
import { Item as ItemMessage } from '../../gen/millrace/features/v1/features.ts';
import { RemovalReason } from '../../gen/millrace/filtering/v1/filtering.ts';
import type { AttributeValue } from '../../gen/millrace/type/v1/type.ts';
import { createBloom } from '../bloom/engines.ts';
import { bloomShape } from '../bloom/filter.ts';
import { Catalogue } from '../catalogue/catalogue.ts';
import { ConfigSource } from '../config.ts';
import { anonymousUser, type User } from '../user-state.ts';
import { FOR_EVER } from '../users/seen-rules.ts';
import { filteringSchema } from './config.ts';
import { ItemFilters } from './item-filters.ts';

const KEPT = RemovalReason.REMOVAL_REASON_UNSPECIFIED;
const { REMOVAL_REASON_AGE: AGE, REMOVAL_REASON_SEGMENT: SEGMENT } = RemovalReason;
const CREATOR = RemovalReason.REMOVAL_REASON_CREATOR;

const number = (value: number) => ({ number: value });
const text = (value: string) => ({ text: value });
const texts = (...values: string[]) => ({ texts: { values } });
type Attributes = Record<string, AttributeValue>;

function catalogueOf(...attributes: Attributes[]): Catalogue {
  const catalogue = new Catalogue('test');
  for (const [ordinal, own] of attributes.entries()) put(catalogue, ordinal, own);
  return catalogue;
}

function put(catalogue: Catalogue, ordinal: number, attributes: Attributes): void {
  const upsert: Item = { ...ItemMessage.fromPartial({ id: `item-${ordinal}` }), attributes };
  catalogue.apply({ epoch: catalogue.epoch + 1, ordinal, upsert });
}

function reasons(filters: ItemFilters, known: Partial<User>, count: number, nowMs = 1_000): number[] {
  const items = Uint32Array.from({ length: count }, (_, ordinal) => ordinal);
  const user = { ...anonymousUser, ...known };
  const context = { nowMs, region: '', excluded: new Uint32Array(0), user };
  return [...filters.filter(items, context).removed];
}

it('an item for adults goes for the young and for whoever’s age is unknown; one whose age cannot be read goes for all', () => {
  const catalogue = catalogueOf(
    {},
    { minimum_age: number(16) },
    { minimum_age: text('18') },
    { minimum_age: text('PG') },
  );
  const filters = new ItemFilters(catalogue, filteringSchema.parse({}));
  const at = (profile: Attributes) => reasons(filters, { profile }, 4);
  expect(at({ age: number(15.9) })).toEqual([KEPT, AGE, AGE, AGE]);
  expect(at({ age: number(16) })).toEqual([KEPT, KEPT, AGE, AGE]);
  expect(at({ age: text('40') })).toEqual([KEPT, KEPT, KEPT, AGE]);
  for (const profile of [{}, { age: text('old') }, { age: number(-1) }])
    expect(at(profile)).toEqual([KEPT, AGE, AGE, AGE]);
});

it('an item for segments is seen by people who are in one of them', () => {
  const catalogue = catalogueOf({}, { segments: texts('staff', 'beta') }, { segments: text('staff') });
  const filters = new ItemFilters(catalogue, filteringSchema.parse({}));
  const at = (profile: Attributes) => reasons(filters, { profile }, 3);
  expect(at({ segments: texts('beta', 'other') })).toEqual([KEPT, KEPT, SEGMENT]);
  expect(at({ segments: text('staff') })).toEqual([KEPT, KEPT, KEPT]);
  expect(at({})).toEqual([KEPT, SEGMENT, SEGMENT]);
});

it('nothing by a blocked creator is shown, whoever else made it, and a block taken back ends', () => {
  const catalogue = catalogueOf({}, { creator: texts('Ada', 'Bo') }, { creator: text('Bo') });
  const filters = new ItemFilters(catalogue, filteringSchema.parse({}));
  const at = (...blocked: string[]) =>
    reasons(filters, { profile: { blocked_creators: texts(...blocked) } }, 3);
  expect(at('Ada')).toEqual([KEPT, CREATOR, KEPT]);
  expect(at('Bo', 'nobody')).toEqual([KEPT, CREATOR, CREATOR]);
  expect(at()).toEqual([KEPT, KEPT, KEPT]);
  expect(reasons(filters, {}, 3)).toEqual([KEPT, KEPT, KEPT]);
});

it('attributes are those that the configuration names, and an item’s new ones count at once', () => {
  const config = filteringSchema.parse({ attributes: { creator: ['maker', 'author'], minimumAge: ['fsk'] } });
  const catalogue = catalogueOf({ author: text('Ada') }, { creator: text('Ada') }, { fsk: number(12) });
  const filters = new ItemFilters(catalogue, config);
  const profile = { blocked_creators: texts('Ada') };
  expect(reasons(filters, { profile }, 3)).toEqual([CREATOR, KEPT, AGE]);
  put(catalogue, 0, { maker: text('Cy') });
  put(catalogue, 2, { maker: text('Ada'), fsk: number(0) });
  expect(reasons(filters, { profile }, 3)).toEqual([KEPT, KEPT, CREATOR]);
});

it('what was seen for a time returns after it', () => {
  const filters = new ItemFilters(catalogueOf({}, {}, {}), filteringSchema.parse({}));
  const older = createBloom('typed', bloomShape(10, 0.001), 1);
  older.add(2);
  const seen = { seen: Uint32Array.of(0, 1), seenUntil: Uint32Array.of(2, FOR_EVER) };
  const SEEN = RemovalReason.REMOVAL_REASON_SEEN;
  const at = (nowMs: number) =>
    reasons(filters, { ...seen, seenFilter: older, seenFilterUntil: 3 }, 3, nowMs);
  expect(at(1_999)).toEqual([SEEN, SEEN, SEEN]);
  expect(at(2_000)).toEqual([KEPT, SEEN, SEEN]);
  expect(at(3_000)).toEqual([KEPT, SEEN, KEPT]);
});

it('an item shown too often of late and not taken up goes; other ones stay', () => {
  const config = filteringSchema.parse({ fatigue: { shown: 3, days: 1 } });
  const filters = new ItemFilters(catalogueOf({}, {}, {}), config);
  const shown = {
    items: Uint32Array.of(0, 1, 1, 0, 1, 0, 2),
    seconds: Uint32Array.of(0, 10, 20, 30, 40, 50, 60),
  };
  const TIRED = RemovalReason.REMOVAL_REASON_FATIGUE;
  expect(reasons(filters, { shown }, 3)).toEqual([TIRED, TIRED, KEPT]);
  expect(reasons(filters, { shown }, 3, 86_400_001)).toEqual([KEPT, TIRED, KEPT]);
  expect(reasons(filters, { shown }, 3, 86_400_000 + 11_000)).toEqual([KEPT, KEPT, KEPT]);
  expect(reasons(filters, {}, 3)).toEqual([KEPT, KEPT, KEPT]);
});

it('where impressions are not kept, items stay and the filter is named as undecided', () => {
  const user = { ...anonymousUser, shown: undefined };
  const context = { nowMs: 1, region: '', excluded: new Uint32Array(0), user };
  const undecided = (settings: unknown) => {
    const filters = new ItemFilters(catalogueOf({}), filteringSchema.parse(settings));
    return filters.filter(Uint32Array.of(0), context);
  };
  expect(undecided({ fatigue: { shown: 3, days: 1 } })).toEqual({
    removed: Uint8Array.of(KEPT),
    undecided: ['fatigue'],
  });
  expect(undecided({}).undecided).toEqual([]);
});

it.each([
  [{ seen: [{ actions: ['glance'] }] }, 'filtering.seen.0.actions.0'],
  [{ seen: [{ actions: ['view'], days: 0 }] }, 'filtering.seen.0.days'],
  [{ fatigue: { shown: 0, days: 1 } }, 'filtering.fatigue.shown'],
  [{ fatigue: { shown: 3 } }, 'filtering.fatigue.days'],
  [{ blockedFalsePositiveRate: 1 }, 'filtering.blockedFalsePositiveRate'],
])('a configuration with a fault is refused, naming the field: %j', (settings, field) => {
  const source = new ConfigSource({
    MILLRACE_HOME: '/nowhere',
    MILLRACE__FILTERING: JSON.stringify(settings),
  });
  expect(() => source.section('filtering', filteringSchema)).toThrow(field);
});

it('a filter of closed policy that fails fails the call', () => {
  const filters = new ItemFilters(catalogueOf({}), filteringSchema.parse({}));
  const broken = {
    hasAll: () => {
      throw new Error('broken');
    },
  };
  expect(() => reasons(filters, { seenFilter: broken as never }, 1)).toThrow('broken');
});
