import { describe, expect, it } from 'vitest';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { logOf } from '../../test/support/tiny-log.ts';
import { splitName, splitNamed, trainSchema } from './config.ts';
import { holdOut, trialsOf } from './holdout.ts';
import { countersWithout } from './replay.ts';

const { ACTION_VIEW: VIEW, ACTION_IMPRESSION: SHOWN } = Action;

// The row is the time: user 0 takes up 0, 1, 2, 3 and 1 again, user 1 takes up 4, 5 and 6.
const LOG = logOf(
  [
    [0, 0, VIEW],
    [0, 1, VIEW],
    [1, 4, VIEW],
    [0, 2, VIEW],
    [1, 5, VIEW],
    [0, 3, VIEW],
    [1, 6, VIEW],
    [0, 1, VIEW],
    [1, 0, SHOWN],
  ],
  8,
);

function heldOut(split: unknown, usersMax = 100) {
  const holdout = holdOut(LOG, trainSchema.parse({ evaluation: { split, usersMax } }));
  const trials = trialsOf(LOG, holdout).map(({ userId, timeMs, relevant, history }) => ({
    userId,
    timeMs,
    relevant: [...relevant],
    history: [...history],
  }));
  return { holdout, trials };
}

describe('holdOut', () => {
  it('leaves out the last pair of each user by default, repeats counted at their latest', () => {
    const { holdout, trials } = heldOut(undefined);
    expect(trials).toEqual([
      { userId: 'u0', timeMs: 7, relevant: [1], history: [0, 2, 3] },
      { userId: 'u1', timeMs: 6, relevant: [6], history: [4, 5] },
    ]);
    expect(splitName(holdout.split)).toBe('leave-one-out');
  });

  it('by ratio leaves out the last share of each user, whose trial begins with the first of it', () => {
    const { holdout, trials } = heldOut({ ratio: 0.5 });
    expect(trials).toEqual([
      { userId: 'u0', timeMs: 5, relevant: [3, 1], history: [0, 2] },
      { userId: 'u1', timeMs: 6, relevant: [6], history: [4, 5] },
    ]);
    expect(splitName(holdout.split)).toBe('ratio:0.5');
  });

  it('by time leaves out all from the cut on, of positives and of everything else', () => {
    const { holdout, trials } = heldOut({ time: '1970-01-01T00:00:00.005Z' });
    expect(trials).toEqual([
      { userId: 'u0', timeMs: 5, relevant: [3, 1], history: [0, 2] },
      { userId: 'u1', timeMs: 6, relevant: [6], history: [4, 5] },
    ]);
    const counters = countersWithout(LOG, holdout.testPairs);
    const [impression, positive] = [counters.column('impression'), counters.column('positive')];
    expect([...impression]).toEqual([]);
    expect([...positive]).toEqual([1, 0, 1, 0, 1, 1]);
    expect(heldOut({ time: 0.4 }).trials).toEqual(trials);
  });

  it('by time measures nobody of whom nothing is known, but learns nothing of what they did later either', () => {
    const { holdout, trials } = heldOut({ time: '1970-01-01T00:00:00.002Z' });
    expect(trials.map(({ userId }) => userId)).toEqual(['u0']);
    expect([...holdout.train.columns]).toEqual([0]);
    expect(() => heldOut({ time: '1970-01-01' })).toThrow(
      'no user has positives on both sides of time 1970-01-01',
    );
    expect(() => heldOut({ time: '2030-01-01' })).toThrow('train.evaluation.split');
  });

  it('measures no more users than it is told to, and learns all of the others where time does not forbid it', () => {
    const { holdout, trials } = heldOut({ ratio: 0.5 }, 1);
    expect(trials).toHaveLength(1);
    expect(holdout.train.columns.length).toBe(7 - trials[0].relevant.length);
    const byTime = heldOut({ time: 0.4 }, 1);
    expect(byTime.trials).toHaveLength(1);
    expect(byTime.holdout.train.columns.length).toBe(4);
  });

  it.each([
    { ratio: 0 },
    { ratio: 1 },
    { time: 'yesterday' },
    { time: 2 },
    'random',
    { ratio: 0.1, time: 0.1 },
  ])('refuses %j', (split) => {
    expect(trainSchema.safeParse({ evaluation: { split } }).success).toBe(false);
  });

  it('has a name that can be read back', () => {
    for (const split of [
      'leave-one-out',
      { ratio: 0.2 },
      { time: 0.1 },
      { time: '2024-05-01T10:00:00Z' },
    ] as const)
      expect(splitNamed(splitName(split))).toEqual(split);
    expect(splitName({ time: '2024-05-01' })).toBe('time:2024-05-01');
    for (const text of ['random', 'ratio', 'ratio:2', 'ratio:x', 'time:0', 'leave-one-out:1'])
      expect(splitNamed(text), text).toBeUndefined();
  });
});
