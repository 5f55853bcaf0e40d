import { describe, expect, it } from 'vitest';
import { filteringSchema } from '../../common/filters/config.ts';
import type { User } from '../../common/user-state.ts';
import { AGGREGATE_INDEX } from '../../common/users/aggregates.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { logOf } from '../../test/support/tiny-log.ts';
import { latestPairs, PairSet, positivesOf, testPairsOf, withoutPairs } from './positives.ts';
import { countersWithout, foldWithout, replay } from './replay.ts';

const LIMITS: UserLimits = {
  historyMax: 100,
  seenExactMax: 100,
  bloomEngine: 'typed',
  falsePositiveRate: 0.01,
  sessionGapMs: 1_800_000,
  seenSeconds: filteringSchema.parse({}).seen,
  impressionsMax: 0,
};
const { ACTION_VIEW: VIEW, ACTION_RATING: RATING, ACTION_IMPRESSION: SHOWN, ACTION_CLICK: CLICK } = Action;

const items = ({ items: history }: User): number[] => Array.from(history);
const IDS = ['0', '1', '2', '3', '4'];

describe('held-out pairs', () => {
  const data = logOf([
    [0, 3, VIEW],
    [0, 1, VIEW],
    [0, 3, RATING],
    [1, 2, RATING],
    [0, 4, SHOWN],
  ]);
  const full = positivesOf(data, (action) => (action === RATING ? 2 : 1));

  it('are the latest by the latest event of a pair, for users with two pairs or more', () => {
    expect(testPairsOf(full, 'leave-one-out', IDS)).toEqual([{ user: 0, item: 3, timeMs: 2 }]);
  });

  it('weigh events by their action and leave impressions out', () => {
    expect(Array.from(full.columns)).toEqual([1, 3, 2]);
    expect(Array.from(full.weights)).toEqual([1, 3, 2]);
  });

  it('are gone from the matrix that is left', () => {
    const { offsets, columns } = withoutPairs(full, PairSet.of([{ user: 0, item: 3 }], 5));
    expect([Array.from(offsets), Array.from(columns)]).toEqual([
      [0, 1, 2],
      [1, 2],
    ]);
  });

  it('never take more than half of what a user has', () => {
    expect(latestPairs(full, [0, 1], 5).map(({ item }) => item)).toEqual([3]);
  });
});

describe('replay', () => {
  const data = logOf([
    [0, 0, VIEW],
    [1, 4, RATING],
    [0, 1, SHOWN],
    [0, 1, CLICK],
    [0, 2, VIEW],
    [0, 1, RATING],
    [0, 3, VIEW],
  ]);

  it('shows each target what was known before the first event of its pair', () => {
    const targets = [
      { user: 0, item: 1, timeMs: 5 },
      { user: 0, item: 3, timeMs: 6 },
    ];
    const never = PairSet.of([{ user: 0, item: 2 }], 5);
    const moments = [...replay(data, targets, never, LIMITS)];
    expect(moments.map(({ item, timeMs }) => [item, timeMs])).toEqual([
      [1, 2],
      [3, 6],
    ]);
    expect(items(moments[0].state)).toEqual([0]);
    expect(items(moments[1].state)).toEqual([0, 1, 1]);
    const { aggregates } = moments[1].state;
    const { view, impression, click, rating } = AGGREGATE_INDEX;
    expect([view, impression, click, rating].map((index) => aggregates[index])).toEqual([1, 1, 1, 1]);
  });

  it('ends in the states and counters of a log without the pairs that never happened', () => {
    const never = PairSet.of([{ user: 0, item: 1 }], 5);
    const fold = foldWithout(data, never, LIMITS);
    expect(items(fold.state('u0', 7))).toEqual([0, 2, 3]);
    expect(fold.state('u1', 7).profile).toEqual({ age: { number: 7 } });
    const counters = countersWithout(data, never);
    expect([...counters.column('positive')]).toEqual([1, 0, 1, 1, 1]);
    expect([counters.column('impression').length, counters.column('click').length]).toEqual([0, 0]);
    expect(counters.version).toBe(7);
    expect(countersWithout(data, new PairSet(5)).column('positive')[1]).toBe(2);
  });
});
