import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Candidates } from '../columns.ts';
import { CounterFold } from './counter-fold.ts';
import { countOf, ItemCounters } from './item-counters.ts';
import { itemCounters } from './item-reducers.ts';

/** On both sides of the first growth. */
const FIRST = 1_010;
const LAST = 1_040;

interface Step {
  item: number;
  action: Action;
  value: number | undefined;
  timeMs: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    item: fc.integer({ min: FIRST, max: LAST }),
    action: fc.constantFrom(
      Action.ACTION_IMPRESSION,
      Action.ACTION_CLICK,
      Action.ACTION_RATING,
      Action.ACTION_WATCH,
      Action.ACTION_PURCHASE,
      Action.ACTION_HIDE,
      Action.ACTION_PREFER,
    ),
    value: fc.option(fc.float({ min: -50, max: 5_000, noNaN: true }), { nil: undefined }),
    timeMs: fc.nat(4_000_000_000),
  }),
  { maxLength: 120 },
);

function folded(events: readonly Step[], fold = new CounterFold(), from = 0): CounterFold {
  for (const [i, { item, action, value, timeMs }] of events.entries())
    fold.add(item, { action, value }, timeMs, from + i);
  return fold;
}

function values(counters: ItemCounters): number[][] {
  return itemCounters.map((name) =>
    Array.from({ length: LAST - FIRST + 1 }, (_, i) => countOf(counters.column(name), FIRST + i)),
  );
}

test('counts, sums and latest times equal a naive reading, however late events come', () => {
  fc.assert(
    fc.property(steps, (events) => {
      const counters = folded(events).counters();
      for (const { item } of events) {
        const own = events.filter((event) => event.item === item);
        const of = (action: Action): Step[] => own.filter((event) => event.action === action);
        const total = (action: Action): number =>
          Math.fround(of(action).reduce((sum, { value }) => sum + (value ?? 0), 0));
        const acts = own.filter(
          ({ action }) => action !== Action.ACTION_IMPRESSION && action !== Action.ACTION_PREFER,
        );
        const at = (name: (typeof itemCounters)[number]): number => countOf(counters.column(name), item);
        expect(at('impression')).toBe(of(Action.ACTION_IMPRESSION).length);
        expect(at('hide')).toBe(of(Action.ACTION_HIDE).length);
        expect(at('rating')).toBe(of(Action.ACTION_RATING).length);
        expect(at('rating_sum')).toBe(total(Action.ACTION_RATING));
        expect(at('watch_seconds')).toBe(total(Action.ACTION_WATCH));
        expect(at('purchase_amount')).toBe(total(Action.ACTION_PURCHASE));
        const latest = acts.reduce((late, { timeMs }) => Math.max(late, timeMs), 0);
        expect(at('latest_hour')).toBe(Math.fround(latest / 3_600_000));
      }
    }),
  );
});

test('a fold that was stored goes on as if it had not been', () => {
  fc.assert(
    fc.property(steps, steps, (before, after) => {
      const stored = CounterFold.read(folded(before).serialise());
      const whole = folded([...before, ...after]);
      const resumed = folded(after, stored, before.length);
      expect(values(resumed.counters())).toEqual(values(whole.counters()));
      expect(resumed.version).toBe(whole.version);
      expect(values(ItemCounters.read(whole.counters().serialise()))).toEqual(values(whole.view()));
    }),
  );
});

test('changes since a version lead to the fold’s own counters', () => {
  fc.assert(
    fc.property(steps, steps, (before, after) => {
      const fold = folded(before);
      const first = ItemCounters.none.updated([fold.changedSince(0)], fold.version, true);
      const { version } = fold;
      folded(after, fold, before.length);
      const changes = fold.changedSince(version);
      const half = changes.count >> 1;
      const pages = [
        changes.take(Uint32Array.from({ length: half }, (_, i) => i)),
        changes.take(Uint32Array.from({ length: changes.count - half }, (_, i) => half + i)),
      ];
      expect(values(first.updated(pages, fold.version, false))).toEqual(values(fold.counters()));
      expect(values(ItemCounters.none.updated([fold.view().rows()], 1, true))).toEqual(values(fold.view()));
    }),
  );
});

test('a long sum does not stand still where float32 would', () => {
  const fold = new CounterFold();
  for (let i = 0; i < 100; i++) fold.add(0, { action: Action.ACTION_WATCH, value: 1e9 + 1 }, 0, i);
  const again = CounterFold.read(fold.serialise());
  for (let i = 0; i < 1_000; i++) again.add(0, { action: Action.ACTION_WATCH, value: 100 }, 0, 100 + i);
  expect(again.counters().column('watch_seconds')[0]).toBe(Math.fround(100 * (1e9 + 1) + 100_000));
});

test('a version does not change with later events, and empty changes are no rows', () => {
  const fold = folded([{ item: 3, action: Action.ACTION_LIKE, value: undefined, timeMs: 1 }]);
  const counters = fold.counters();
  folded([{ item: 3, action: Action.ACTION_LIKE, value: undefined, timeMs: 1 }], fold, 1);
  expect(counters.column('like')[3]).toBe(1);
  expect(fold.changedSince(2).count).toBe(0);
  expect(ItemCounters.none.updated([Candidates.empty], 4, true).version).toBe(4);
});
