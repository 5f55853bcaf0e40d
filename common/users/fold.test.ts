import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Catalogue } from '../catalogue/catalogue.ts';
import { filteringSchema } from '../filters/config.ts';
import { decodeUser, encodeUser, isPositive, seenAt, type User } from '../user-state.ts';
import { AGGREGATE_INDEX, foldAggregates, initialAggregates, userAggregates } from './aggregates.ts';
import { UserFold } from './fold.ts';
import { FOR_EVER, seenSecondsOf } from './seen-rules.ts';
import type { UserLimits } from './user-record.ts';

const ITEMS = 100;
const limits: UserLimits = {
  historyMax: 7,
  seenExactMax: 5,
  bloomEngine: 'typed',
  falsePositiveRate: 0.01,
  sessionGapMs: 100,
  seenSeconds: filteringSchema.parse({}).seen,
  impressionsMax: 0,
};

const SECOND_DAYS = 1 / 86_400;
const RULES = [
  { actions: [Action.ACTION_VIEW], days: 300 * SECOND_DAYS },
  { actions: [Action.ACTION_WATCH], days: 50 * SECOND_DAYS },
  { actions: [Action.ACTION_HIDE, Action.ACTION_RATING] },
];
/** Views and watches are forgotten, dislikes make nothing seen, impressions are kept. */
const forgetful: UserLimits = { ...limits, seenSeconds: seenSecondsOf(RULES), impressionsMax: 4 };
/** The steps one after the other, seconds apart, on few items: what was forgotten is often seen again. */
const slowly = (events: Step[]): Step[] =>
  events.map((step, i) => ({
    ...step,
    item: step.item === ITEMS ? ITEMS : step.item % 25,
    timeMs: i * 8_000 + (step.timeMs % 3) * 1_000,
  }));

function catalogue(): Catalogue {
  const items = new Catalogue('test');
  for (let ordinal = 0; ordinal < ITEMS; ordinal++) {
    items.apply({ epoch: ordinal + 1, ordinal, upsert: Item.fromPartial({ id: `i${ordinal}` }) });
  }
  return items;
}

/** Not feedback: the user names as friends those whose bits are set in `item`. */
const FRIENDS = Action.ACTION_UNSPECIFIED;

interface Step {
  user: number;
  item: number;
  action: Action;
  value: number | undefined;
  timeMs: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  user: fc.nat(3),
  item: fc.nat(ITEMS),
  action: fc.constantFrom(
    Action.ACTION_IMPRESSION,
    Action.ACTION_VIEW,
    Action.ACTION_RATING,
    Action.ACTION_WATCH,
    Action.ACTION_HIDE,
    Action.ACTION_DISLIKE,
    Action.ACTION_PREFER,
    FRIENDS,
  ),
  value: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
  timeMs: fc.nat(1000),
});
const steps: fc.Arbitrary<Step[]> = fc.array(step, { maxLength: 250 });
/** Long enough that much is seen twice. */
const manySteps = fc.array(step, { minLength: 150, maxLength: 250 });

function feed(fold: UserFold, events: Step[]): void {
  for (const { user, item, action, value, timeMs } of events) {
    if (action === FRIENDS) {
      fold.attributes({ id: `u${user}`, attributes: { friends: { texts: { values: friendsIn(item) } } } });
      continue;
    }
    fold.feedback(
      Feedback.fromPartial({
        userId: `u${user}`,
        itemId: `i${item}`,
        action,
        categories: [`c${item % 7}`, `c${item % 5}`],
        ...(value === undefined ? {} : { value }),
      }),
      timeMs,
    );
  }
}

function friendsIn(bits: number): string[] {
  return [0, 1, 2, 3].filter((user) => (bits >> user) & 1).map((user) => `u${user}`);
}

function isKnown({ item, action }: Step): boolean {
  return action > 0 && (item < ITEMS || action === Action.ACTION_PREFER);
}

function named({ aggregates }: User): Record<string, number> {
  return Object.fromEntries(userAggregates.map((name) => [name, aggregates[AGGREGATE_INDEX[name]]]));
}

/** Every aggregate, read from the events one aggregate at a time. */
function naiveAggregates(events: Step[]): Record<string, number> {
  const of = (action: Action): Step[] => events.filter((event) => event.action === action);
  const count = (action: Action): number => of(action).length;
  const sum = (action: Action): number => of(action).reduce((total, { value }) => total + (value ?? 0), 0);
  const times = events.map(({ timeMs }) => timeMs);
  /** Each event's distance to the greatest time before it. */
  const sinceMs = times.map((timeMs, i) => timeMs - Math.max(...times.slice(0, i)));
  const inSession = sinceMs.filter((since) => since <= limits.sessionGapMs);
  const halfLives = (ms: number): number => ms / (7 * 86_400_000);
  let activity = 0;
  for (const [i, since] of sinceMs.entries()) {
    if (i === 0) activity = 1;
    else if (since >= 0) activity = activity * 2 ** -halfLives(since) + 1;
    else activity += 2 ** halfLives(since);
  }
  return {
    impression: count(Action.ACTION_IMPRESSION),
    view: count(Action.ACTION_VIEW),
    click: 0,
    purchase: 0,
    purchase_amount: 0,
    rating: count(Action.ACTION_RATING),
    rating_sum: sum(Action.ACTION_RATING),
    watch: count(Action.ACTION_WATCH),
    watch_seconds: sum(Action.ACTION_WATCH),
    like: 0,
    dislike: count(Action.ACTION_DISLIKE),
    comment: 0,
    share: 0,
    hide: count(Action.ACTION_HIDE),
    subscribe: 0,
    prefer: count(Action.ACTION_PREFER),
    active_days: events.length === 0 ? 0 : 1,
    sessions: events.length - inSession.length,
    session_seconds: inSession.filter((since) => since > 0).reduce((total, ms) => total + ms / 1_000, 0),
    activity,
    first_ms: times.length === 0 ? Number.NaN : Math.min(...times),
    latest_ms: times.length === 0 ? Number.NaN : Math.max(...times),
  };
}

function naivePreferences(events: Step[]): [string, number][] {
  const stated = events
    .filter(({ action }) => action === Action.ACTION_PREFER)
    .flatMap(({ item, value }) => [`c${item % 7}`, `c${item % 5}`].map((c) => [c, value ?? 1] as const));
  const latest = new Map(stated.map(([category], i) => [category, i]));
  return stated.filter(([category, strength], i) => latest.get(category) === i && strength !== 0) as [
    string,
    number,
  ][];
}

function naiveFriendItems(events: Step[], userId: string): number[] {
  const items: number[] = [];
  let friends: string[] = [];
  for (const event of events) {
    const id = `u${event.user}`;
    if (event.action === FRIENDS && id === userId) friends = friendsIn(event.item);
    if (id !== userId && friends.includes(id) && isKnown(event) && isPositive(event.action))
      items.push(event.item);
  }
  return items;
}

test('times of several days and a long pause, late events among them, make days and sessions as stated', () => {
  const hourMs = 3_600_000;
  const aggregates = initialAggregates.slice();
  for (const timeMs of [hourMs, 1.25 * hourMs, 30 * hourMs, 2 * hourMs, 30.4 * hourMs, 50 * hourMs])
    foldAggregates(aggregates, Action.ACTION_WATCH, 60, timeMs, hourMs / 2);
  const values = Object.fromEntries(userAggregates.map((name, i) => [name, aggregates[i]]));
  expect(values).toMatchObject({ watch: 6, watch_seconds: 360, active_days: 3, sessions: 3 });
  expect(values).toMatchObject({ first_ms: hourMs, latest_ms: 50 * hourMs });
  expect(values.session_seconds).toBeCloseTo(0.65 * 3_600);
});

test('the fold equals a naive reading of the events, whatever they are', () => {
  fc.assert(
    fc.property(steps, (events) => {
      const fold = new UserFold(catalogue(), limits);
      feed(fold, events);
      for (let user = 0; user < 4; user++) {
        const own = events.filter((event) => event.user === user && isKnown(event));
        const acted = own.filter(
          ({ action }) => action !== Action.ACTION_IMPRESSION && action !== Action.ACTION_PREFER,
        );
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
        expect(named(state)).toEqual(naiveAggregates(own));
        expect([...state.preferences]).toEqual(naivePreferences(own));
        expect([...state.friendItems]).toEqual(naiveFriendItems(events, `u${user}`).slice(-100));
      }
      expect(fold.skipped).toBe(events.filter((event) => event.action > 0 && !isKnown(event)).length);
    }),
    { seed: 1 },
  );
});

test.each([
  ['all is seen for ever', limits, steps],
  ['some is forgotten', forgetful, manySteps],
])(
  'a snapshot with the tail after it equals the whole fold, bit for bit, whenever states were asked for: %s',
  async (_, rules, lists) => {
    await fc.assert(
      fc.asyncProperty(lists, fc.nat(250), async (drawn, cut) => {
        const events = slowly(drawn);
        const whole = new UserFold(catalogue(), rules);
        for (const event of events) {
          feed(whole, [event]);
          whole.state(`u${event.user}`, 0);
        }
        const head = new UserFold(catalogue(), rules);
        feed(head, events.slice(0, cut));
        const { fold: resumed, offset } = UserFold.read(await head.serialise(cut), catalogue(), rules);
        expect(offset).toBe(cut);
        feed(resumed, events.slice(cut));
        for (const user of ['u0', 'u1', 'u2', 'u3', 'nobody']) {
          expect(encodeUser(resumed.state(user, 9))).toEqual(encodeUser(whole.state(user, 9)));
        }
      }),
      { seed: 1, numRuns: 50 },
    );
  },
);

test('what is seen only for a time is exact or in the filter until then, and nothing else is', () => {
  fc.assert(
    fc.property(manySteps, (drawn) => {
      const events = slowly(drawn);
      const fold = new UserFold(catalogue(), forgetful);
      for (const event of events) {
        feed(fold, [event]);
        fold.state(`u${event.user}`, 0);
      }
      for (let user = 0; user < 4; user++) {
        const own = events.filter((event) => event.user === user && isKnown(event));
        const now = Math.max(...own.map(({ timeMs }) => timeMs / 1_000));
        const live = [...naiveUntil(own)].filter(([, until]) => until > now);
        const older = live.slice(0, -limits.seenExactMax);
        const exact = live.slice(-limits.seenExactMax).sort(([a], [b]) => a - b);
        const state = decodeUser(Buffer.from(encodeUser(fold.state(`u${user}`, 1))));
        expect([...state.seen]).toEqual(exact.map(([item]) => item));
        if (state.seenUntil === undefined) expect(exact.every(([, until]) => until === FOR_EVER)).toBe(true);
        else expect([...state.seenUntil]).toEqual(exact.map(([, until]) => until));
        expect(state.seenFilter?.added ?? 0).toBe(older.length);
        for (const [item] of older) expect(state.seenFilter?.has(item)).toBe(true);
        if (older.length > 0)
          expect(state.seenFilterUntil).toBe(Math.max(...older.map(([, until]) => until)));
        for (const laterMs of [now * 1_000, (now + 100) * 1_000]) {
          const left = exact.filter(([, until]) => until === FOR_EVER || until * 1_000 > laterMs);
          expect([...seenAt(state, laterMs)]).toEqual(left.map(([item]) => item));
        }
        expect([...(state.shown?.items ?? [])]).toEqual(naiveShown(own).slice(-forgetful.impressionsMax));
      }
    }),
    { seed: 2, numRuns: 40 },
  );
});

/** By item in the order of the first action: until when it is seen, seconds. */
function naiveUntil(own: readonly Step[]): Map<number, number> {
  const seconds = new Map<Action, number>([
    [Action.ACTION_VIEW, 300],
    [Action.ACTION_WATCH, 50],
    [Action.ACTION_HIDE, FOR_EVER],
    [Action.ACTION_RATING, FOR_EVER],
  ]);
  const until = new Map<number, number>();
  for (const { item, action, timeMs } of own) {
    if (action === Action.ACTION_IMPRESSION || action === Action.ACTION_PREFER) continue;
    const lasts = seconds.get(action);
    const now = lasts === undefined ? 0 : Math.min(FOR_EVER, timeMs / 1_000 + lasts);
    until.set(item, Math.max(until.get(item) ?? 0, now));
  }
  return until;
}

/** Items shown and not acted on since; what goes beyond the limit was forgotten before an action could take it out. */
function naiveShown(own: readonly Step[]): number[] {
  let shown: number[] = [];
  for (const { item, action } of own) {
    if (action === Action.ACTION_IMPRESSION) shown = [...shown, item].slice(-forgetful.impressionsMax);
    else if (action !== Action.ACTION_PREFER) shown = shown.filter((other) => other !== item);
  }
  return shown;
}

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

test('a user who is forgotten leaves nothing behind, with friends on either side; what comes later is a new one', () => {
  const fold = new UserFold(catalogue(), limits);
  const friends = (...ids: string[]) => ({ friends: { texts: { values: ids } } });
  fold.attributes({ id: 'a', attributes: friends('b') as never });
  fold.attributes({ id: 'c', attributes: friends('a', 'b') as never });
  const click = (userId: string, item: number): void => {
    const action = Action.ACTION_CLICK;
    fold.feedback(Feedback.fromPartial({ userId, itemId: `i${item}`, action }), 1);
  };
  for (const [i, userId] of ['a', 'b', 'c', 'a'].entries()) click(userId, i);
  expect(fold.state('c', 9).friendItems.length).toBe(3);
  const changed = new Set<string>();
  fold.forget('a', changed);
  expect([...changed].sort()).toEqual(['a', 'b', 'c']);
  expect(fold.has('a')).toBe(false);
  const texts = ['b', 'c'].map((id) => fold.stored(id).toString('latin1'));
  expect(texts.some((text) => /a/.test(text.replace(/friends|attributes/g, '')))).toBe(false);
  expect(fold.state('c', 9).profile.friends.texts?.values).toEqual(['b']);
  expect(fold.state('c', 9).friendItems.length).toBe(0);
  click('b', 5);
  expect([...fold.state('c', 9).friendItems]).toEqual([5]);
  click('a', 7);
  expect([...fold.state('a', 9).items]).toEqual([7]);
  expect(fold.record('a')?.followers.size).toBe(0);
});
