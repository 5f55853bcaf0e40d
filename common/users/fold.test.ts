import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Catalogue } from '../catalogue/catalogue.ts';
import { decodeUser, encodeUser, isPositive } from '../user-state.ts';
import { UserFold } from './fold.ts';
import type { UserLimits } from './user-record.ts';

const ITEMS = 100;
const limits: UserLimits = { historyMax: 7, seenExactMax: 5, bloomEngine: 'typed', falsePositiveRate: 0.01 };

function catalogue(): Catalogue {
  const items = new Catalogue('test');
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) {
    items.apply({ epoch: ordinal + 1, ordinal, upsert: Item.fromPartial({ id: `i${ordinal}` }) });
  }
  return items;
}

interface Step {
  user: number;
  item: number;
  action: Action;
  value: number | undefined;
  timeMs: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    user: fc.nat(3),
    item: fc.nat(ITEMS),
    action: fc.constantFrom(
      Action.ACTION_IMPRESSION,
      Action.ACTION_VIEW,
      Action.ACTION_RATING,
      Action.ACTION_HIDE,
      Action.ACTION_DISLIKE,
    ),
    value: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    timeMs: fc.nat(1000),
  }),
  { maxLength: 250 },
);

function feed(fold: UserFold, events: Step[]): void {
  for (const { user, item, action, value, timeMs } of events) {
    fold.feedback(
      Feedback.fromPartial({
        userId: `u${user}`,
        itemId: `i${item}`,
        action,
        ...(value === undefined ? {} : { value }),
      }),
      timeMs,
    );
  }
}

test('the fold equals a naive reading of the events, whatever they are', () => {
  fc.assert(
    fc.property(steps, (events) => {
      const fold = new UserFold(catalogue(), limits);
      feed(fold, events);
      for (let user = 0; user < 4; user++) {
        const own = events.filter((event) => event.user === user && event.item < ITEMS);
        const acted = own.filter(({ action }) => action !== Action.ACTION_IMPRESSION);
        const state = fold.state(`u${user}`, events.length);
        const recent = acted.slice(-limits.historyMax);
        expect([...state.items]).toEqual(recent.map(({ item }) => item));
        expect([...state.actions]).toEqual(recent.map(({ action }) => action));
        expect([...state.values]).toEqual(recent.map(({ value }) => value ?? Number.NaN));
        expect([...state.timesMs]).toEqual(recent.map(({ timeMs }) => timeMs));
        const seen = [...new Set(acted.map(({ item }) => item))];
        expect([...state.seen]).toEqual(seen.slice(-limits.seenExactMax).sort((a, b) => a - b));
        for (const item of seen.slice(0, -limits.seenExactMax))
          expect(state.seenFilter?.has(item)).toBe(true);
        const hidden = acted.filter(({ action }) => action === Action.ACTION_HIDE).map(({ item }) => item);
        expect([...state.hidden]).toEqual([...new Set(hidden)].sort((a, b) => a - b));
        const positive = new Set(acted.filter(({ action }) => isPositive(action)).map(({ item }) => item));
        expect(state.positives).toBe(positive.size);
        expect(Object.values(state.counters).reduce((sum, count) => sum + count, 0)).toBe(own.length);
      }
      expect(fold.skipped).toBe(events.filter(({ item }) => item >= ITEMS).length);
    }),
    { seed: 1 },
  );
});

test('a snapshot with the tail after it equals the whole fold, bit for bit, whenever states were asked for', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(250), async (events, cut) => {
      const whole = new UserFold(catalogue(), limits);
      for (const event of events) {
        feed(whole, [event]);
        whole.state(`u${event.user}`, 0);
      }
      const head = new UserFold(catalogue(), limits);
      feed(head, events.slice(0, cut));
      const { fold: resumed, offset } = UserFold.read(await head.serialise(cut), catalogue(), limits);
      expect(offset).toBe(cut);
      feed(resumed, events.slice(cut));
      for (const user of ['u0', 'u1', 'u2', 'u3', 'nobody']) {
        expect(encodeUser(resumed.state(user, 9))).toEqual(encodeUser(whole.state(user, 9)));
      }
    }),
    { seed: 1 },
  );
});

test('an encoded state decodes to the same user, and damaged bytes are refused', () => {
  const fold = new UserFold(catalogue(), limits);
  const items = Array.from({ length: 30 }, (_, item) => item);
  feed(
    fold,
    items.map((item) => ({ user: 0, item, action: Action.ACTION_RATING, value: 3, timeMs: item })),
  );
  const bytes = encodeUser(fold.state('u0', 30));
  const user = decodeUser(bytes);
  expect([...user.items]).toEqual(items.slice(-limits.historyMax));
  expect(items.slice(0, 25).every((item) => user.seenFilter?.has(item))).toBe(true);
  expect(() => decodeUser(bytes.subarray(0, bytes.length - 3))).toThrow('context.user_state');
});
