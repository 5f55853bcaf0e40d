import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Catalogue } from '../catalogue/catalogue.ts';
import { decodeUser, encodeUser, type User } from '../user-state.ts';
import { UserFold } from './fold.ts';
import { joinedRecord } from './joining.ts';
import { seenSecondsOf } from './seen-rules.ts';
import type { UserLimits, UserRecord } from './user-record.ts';

const ITEMS = 40;
const DAY_MS = 86_400_000;
/** A month ends here; a session may go on beyond it. */
const SEAM_MS = 20_000 * DAY_MS;
const limits: UserLimits = {
  historyMax: 12,
  seenExactMax: 6,
  bloomEngine: 'typed',
  falsePositiveRate: 0.01,
  sessionGapMs: DAY_MS / 4,
  seenSeconds: seenSecondsOf([
    { actions: [Action.ACTION_VIEW], days: 2 },
    { actions: [Action.ACTION_HIDE, Action.ACTION_RATING] },
  ]),
  impressionsMax: 5,
};
const catalogue = new Catalogue('test');
for (let ordinal = 0; ordinal < ITEMS; ordinal++)
  catalogue.apply({ epoch: ordinal + 1, ordinal, upsert: Item.fromPartial({ id: `i${ordinal}` }) });

interface Step {
  readonly item: number;
  readonly action: Action;
  readonly value: number;
  /** Since the event before. */
  readonly pauseMs: number;
}
const step: fc.Arbitrary<Step> = fc.record({
  item: fc.nat(ITEMS - 1),
  action: fc.constantFrom(
    Action.ACTION_IMPRESSION,
    Action.ACTION_VIEW,
    Action.ACTION_RATING,
    Action.ACTION_HIDE,
    Action.ACTION_PREFER,
  ),
  value: fc.integer({ min: 0, max: 2 }),
  pauseMs: fc.nat(DAY_MS / 2),
});

function feed(fold: UserFold, name: string, steps: readonly Step[], fromMs: number): void {
  let timeMs = fromMs;
  for (const { item, action, value, pauseMs } of steps) {
    timeMs += pauseMs;
    const categories = action === Action.ACTION_PREFER ? [`c${item % 4}`] : [];
    fold.feedback(
      Feedback.fromPartial({ userId: name, itemId: `i${item}`, action, value, categories }),
      timeMs,
    );
  }
}

function lengthMs(steps: readonly Step[]): number {
  return steps.reduce((sum, { pauseMs }) => sum + pauseMs, 0);
}

/** What can be told of a state, numbers to 9 digits. */
function told(user: User): unknown {
  const { items, actions, values, timesMs, positives, hidden, preferences, aggregates, shown, profile } =
    user;
  return {
    history: [[...items], [...actions], [...values], [...timesMs]],
    seen: [[...user.seen], [...(user.seenUntil ?? [])], user.seenFilterUntil],
    filtered: Array.from({ length: ITEMS }, (_, item) => user.seenFilter?.has(item) ?? false),
    shown: [[...(shown?.items ?? [])], [...(shown?.seconds ?? [])]],
    positives,
    hidden: [...hidden],
    preferences: [...preferences],
    aggregates: Array.from(aggregates, (value) => Number(value.toPrecision(9))),
    profile,
  };
}

test('what a person did under two names is what they would have done under one', () => {
  const property = fc.property(
    fc.array(step, { maxLength: 40 }),
    fc.array(step, { maxLength: 40 }),
    (first, second) => {
      const [apart, together] = [new UserFold(catalogue, limits), new UserFold(catalogue, limits)];
      for (const fold of [apart, together])
        for (const name of fold === apart ? ['1.old', '2.new'] : ['2.new', '2.new'])
          fold.attributes({ id: name, attributes: {} });
      feed(apart, '1.old', first, SEAM_MS - 1 - lengthMs(first));
      feed(apart, '2.new', second, SEAM_MS);
      feed(together, '2.new', first, SEAM_MS - 1 - lengthMs(first));
      feed(together, '2.new', second, SEAM_MS);
      const [earlier, later] = ['1.old', '2.new'].map((name) => apart.record(name) as UserRecord);
      const untouched = [apart.stored('1.old'), apart.stored('2.new')];
      const joined = joinedRecord('2.new', [earlier, later], limits);
      expect(told(joined.state(7, limits))).toEqual(told(together.state('2.new', 7)));
      expect(joined.state(7, limits).id).toBe('2.new');
      expect([apart.stored('1.old'), apart.stored('2.new')]).toEqual(untouched);
    },
  );
  fc.assert(property, { seed: 20_261_126, numRuns: 300 });
});

test('attributes are those of the later name that has some, and an encoded state holds what was joined', () => {
  const fold = new UserFold(catalogue, limits);
  fold.attributes({ id: '1.old', attributes: { plan: { text: 'gold' } } });
  feed(fold, '2.new', [{ item: 1, action: Action.ACTION_RATING, value: 2, pauseMs: 0 }], SEAM_MS);
  const [earlier, later] = ['1.old', '2.new'].map((name) => fold.record(name) as UserRecord);
  expect(joinedRecord('3.newest', [earlier, later], limits).profile).toEqual({ plan: { text: 'gold' } });
  fold.attributes({ id: '2.new', attributes: { plan: { text: 'free' } } });
  const state = joinedRecord('3.newest', [earlier, later], limits).state(3, limits);
  expect(decodeUser(encodeUser(state))).toMatchObject({
    id: '3.newest',
    profile: { plan: { text: 'free' } },
  });
});
