import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RemovalReason } from '../../gen/millrace/filtering/v1/filtering.ts';
import { Bitset } from '../bitset.ts';
import { createBloom } from '../bloom/engines.ts';
import { bloomEngines, bloomShape } from '../bloom/filter.ts';
import { OrdinalSet } from '../ordinal-set.ts';
import { anonymousUser, type User } from '../user-state.ts';
import { AvailabilityWindows, availabilityFilter } from './availability.ts';
import { BlockedItems, blockedFilter } from './blocked.ts';
import { duplicateFilter } from './duplicate.ts';
import { excludedFilter } from './excluded.ts';
import type { Filter, FilterContext } from './filter.ts';
import { hiddenFilter } from './hidden.ts';
import { LabelSets } from './label-sets.ts';
import { regionFilter, regionLabels } from './region.ts';
import { seenFilter } from './seen.ts';
import { FILTER_TABLE } from './table.ts';
import { unknownItemFilter } from './unknown-item.ts';

const EARLIER = 200;
const empty = new Uint32Array(0);
const anyone: FilterContext = { nowMs: 1000, region: '', excluded: empty, user: anonymousUser };
const rate = { blockedFalsePositiveRate: 0.01 };

function viewer(known: Partial<User>): { user: User } {
  return { user: { ...anonymousUser, ...known } };
}

/** The items kept by `filter`, applied where no row was removed before. */
function kept(filter: Filter, items: readonly number[], context: Partial<FilterContext> = {}): number[] {
  const removed = new Uint8Array(items.length);
  filter.apply(Uint32Array.from(items), removed, { ...anyone, ...context });
  expect([0, FILTER_TABLE[filter.name].reason]).toEqual(expect.arrayContaining([...removed]));
  return items.filter((_, row) => removed[row] === 0);
}

const ordinal = fc.nat(60);
const ordinals = fc.array(ordinal, { maxLength: 80 });
const without = (items: number[], gone: Iterable<number>) => {
  const set = new Set(gone);
  return items.filter((item) => !set.has(item));
};

describe('lists of the request', () => {
  const filters = {
    excluded: excludedFilter(new OrdinalSet()),
    hidden: hiddenFilter(new OrdinalSet()),
    seen: seenFilter(new OrdinalSet()),
  };
  it.each(['excluded', 'hidden', 'seen'] as const)('%s items go, others stay', (name) => {
    fc.assert(
      fc.property(ordinals, ordinals, (items, listed) => {
        const list = Uint32Array.from(listed);
        const context = name === 'excluded' ? { excluded: list } : viewer({ [name]: list });
        expect(kept(filters[name], items, context)).toEqual(without(items, listed));
      }),
      { seed: 1 },
    );
  });
});

describe.each(bloomEngines)('seen and blocked, engine %s', (engine) => {
  it('removes everything seen, recent or older, and little else', () => {
    const older = createBloom(engine, bloomShape(50, 0.01), 3);
    for (let item = 0; item < 50; item++) older.add(item);
    const items = Array.from({ length: 1050 }, (_, i) => i);
    const context = viewer({ seen: Uint32Array.of(1000, 1001), seenFilter: older });
    const left = kept(seenFilter(new OrdinalSet()), items, context);
    expect(left.filter((item) => item < 50 || item === 1000 || item === 1001)).toEqual([]);
    expect(left.length).toBeGreaterThan(998 * 0.97);
  });

  it('removes exactly the blocked items, through blocks, unblocks and growth of the prefilter', () => {
    const change = fc.record({
      item: fc.nat(3000),
      run: fc.integer({ min: 1, max: 400 }),
      block: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), fc.array(fc.nat(3500)), (changes, items) => {
        const blocked = new BlockedItems({ engine, ...rate });
        const expected = new Set<number>();
        const filter = blockedFilter(blocked);
        for (const { item, run, block } of changes) {
          for (let i = item; i < item + run; i++) {
            if (block) blocked.block(i);
            else blocked.unblock(i);
            if (block) expected.add(i);
            else expected.delete(i);
          }
        }
        expect(blocked.size).toBe(expected.size);
        expect(kept(filter, items)).toEqual(without(items, expected));
      }),
      { seed: 1, numRuns: engine === 'typed' ? 100 : 8 },
    );
  });
});

it('availability: from is in, until is out, an open end is open, an item never set is available', () => {
  const windows = new AvailabilityWindows();
  windows.set(3, 1000, 2000);
  windows.set(1, undefined, 1500);
  windows.set(2, 1500, undefined);
  const filter = availabilityFilter(windows);
  const at = (nowMs: number) => kept(filter, [0, 1, 2, 3, 99], { nowMs });
  expect(at(999)).toEqual([0, 1, 99]);
  expect(at(1000)).toEqual([0, 1, 3, 99]);
  expect(at(1499)).toEqual([0, 1, 3, 99]);
  expect(at(1500)).toEqual([0, 2, 3, 99]);
  expect(at(2000)).toEqual([0, 2, 99]);
  windows.set(3, undefined, undefined);
  expect(at(5000)).toEqual([0, 2, 3, 99]);
});

it('availability: as a comparison of each item by itself', () => {
  const end = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined });
  fc.assert(
    fc.property(fc.array(fc.tuple(ordinal, end, end)), ordinals, fc.nat(20), (sets, items, nowMs) => {
      const windows = new AvailabilityWindows();
      for (const [item, from, until] of sets) windows.set(item, from, until);
      const latest = new Map(sets.map(([item, from, until]) => [item, { from, until }]));
      const expected = items.filter((item) => {
        const { from, until } = latest.get(item) ?? {};
        return (from ?? 0) <= nowMs && nowMs < (until ?? 21);
      });
      expect(kept(availabilityFilter(windows), items, { nowMs })).toEqual(expected);
    }),
    { seed: 1 },
  );
});

it('region: an item without limits is everywhere, one with limits only there', () => {
  const code = fc.constantFrom('DE', 'CH', 'AT', 'FR', 'us', 'GB');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(ordinal, fc.array(code, { maxLength: 4 }))),
      ordinals,
      fc.constantFrom('DE', 'ch', 'US', 'XX', ''),
      (sets, items, region) => {
        const regions = new LabelSets();
        for (const [item, codes] of sets) regions.set(item, regionLabels(codes));
        const latest = new Map(sets);
        const expected = items.filter((item) => {
          const codes = latest.get(item) ?? [];
          return codes.length === 0 || codes.some((one) => one.toUpperCase() === region.toUpperCase());
        });
        expect(kept(regionFilter(regions, new OrdinalSet()), items, { region })).toEqual(expected);
      },
    ),
    { seed: 1 },
  );
});

it('unknown item: keeps what is listed', () => {
  fc.assert(
    fc.property(ordinals, ordinals, (items, listed) => {
      const catalogue = new Bitset();
      for (const item of listed) catalogue.add(item);
      expect(kept(unknownItemFilter(catalogue), items)).toEqual(
        items.filter((item) => listed.includes(item)),
      );
    }),
    { seed: 1 },
  );
});

it('duplicate: keeps the first of each item', () => {
  const filter = duplicateFilter(new OrdinalSet());
  fc.assert(
    fc.property(ordinals, (items) => {
      expect(kept(filter, items)).toEqual([...new Set(items)]);
    }),
    { seed: 1 },
  );
});

it('leaves the reason of an earlier filter, and a removed row is nobody’s duplicate', () => {
  const blocked = new BlockedItems({ engine: 'typed', ...rate });
  blocked.block(1);
  const windows = new AvailabilityWindows();
  windows.set(1, 5000, undefined);
  const regions = new LabelSets();
  regions.set(1, ['DE']);
  const older = createBloom('typed', bloomShape(10, 0.01), 1);
  older.add(1);
  const scratch = new OrdinalSet();
  const one = Uint32Array.of(1);
  const context = { ...anyone, excluded: one, ...viewer({ hidden: one, seen: one, seenFilter: older }) };
  const filters = [
    blockedFilter(blocked),
    unknownItemFilter(new Bitset()),
    availabilityFilter(windows),
    regionFilter(regions, scratch),
    excludedFilter(scratch),
    hiddenFilter(scratch),
    seenFilter(scratch),
  ];
  for (const filter of [...filters, duplicateFilter(scratch)]) {
    const removed = Uint8Array.of(EARLIER, EARLIER);
    filter.apply(Uint32Array.of(1, 1), removed, context);
    expect([...removed], filter.name).toEqual([EARLIER, EARLIER]);
  }
  for (const filter of filters) {
    const removed = new Uint8Array(2);
    filter.apply(Uint32Array.of(1, 1), removed, context);
    const { reason } = FILTER_TABLE[filter.name];
    expect([...removed], filter.name).toEqual([reason, reason]);
  }
  const removed = Uint8Array.of(EARLIER, 0, 0);
  duplicateFilter(scratch).apply(Uint32Array.of(1, 1, 1), removed, context);
  expect([...removed]).toEqual([EARLIER, 0, RemovalReason.REMOVAL_REASON_DUPLICATE]);
});
