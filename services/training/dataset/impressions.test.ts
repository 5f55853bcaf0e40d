import { describe, expect, it } from 'vitest';
import type { LoggedEvent } from '../../../common/log/events.ts';
import { Random } from '../../../common/random.ts';
import { type Decision, Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { makeTinyWorld } from '../../../test/support/tiny-world.ts';
import { joinImpressions } from './impressions.ts';

const HOUR = 3_600_000;
const WINDOW = 24 * HOUR;
const { catalogue } = makeTinyWorld({ users: 1, items: 20, seed: 1 });

const logged = (events: readonly Event[]): LoggedEvent[] =>
  events.map((event, offset) => ({ offset, event }));
const join = (events: readonly Event[], windowMs = WINDOW) =>
  joinImpressions(logged(events), catalogue, windowMs);

function shown(
  requestId: string,
  timeMs: number,
  items: readonly number[],
  more: Partial<Decision> = {},
): Event {
  const decision = {
    requestId,
    userId: 'u',
    shown: items.map((item) => ({ itemId: `item-${item}`, propensity: 1 })),
    ...more,
  };
  return Event.fromPartial({ timeMs, decision });
}

function did(requestId: string, item: number, action: Action, timeMs: number, value?: number): Event {
  const feedback = { userId: 'u', itemId: `item-${item}`, action, requestId };
  return Event.fromPartial({ timeMs, feedback: value === undefined ? feedback : { ...feedback, value } });
}

/** Anything that tells the time, long after. */
const later = (timeMs: number): Event => did('', 19, Action.ACTION_VIEW, timeMs);

describe('joinImpressions', () => {
  it('joins clicks, watch time and ratings within the window to what was shown', async () => {
    const { columns, decisions } = await join([
      shown('a', 0, [3, 5, 7], {
        userOffset: 4,
        shown: [3, 5, 7].map((item) => ({
          itemId: `item-${item}`,
          propensity: 1 / item,
          scores: item === 5 ? { 'retrieval.rrf': 0.5 } : {},
          features: Buffer.alloc(0),
        })),
        sample: [
          {
            itemId: 'item-9',
            propensity: 0,
            scores: { 'retrieval.ials.score': 0.75 },
            features: Buffer.alloc(0),
          },
        ],
      }),
      did('a', 5, Action.ACTION_CLICK, HOUR),
      did('a', 5, Action.ACTION_WATCH, 2 * HOUR, 60),
      did('a', 5, Action.ACTION_WATCH, 3 * HOUR, 30),
      did('a', 5, Action.ACTION_RATING, WINDOW, 4),
      did('a', 7, Action.ACTION_CLICK, WINDOW + 1),
      did('a', 3, Action.ACTION_LIKE, HOUR),
      later(3 * WINDOW),
    ]);
    expect(Array.from(columns.item)).toEqual([3, 5, 7]);
    expect(Array.from(columns.position)).toEqual([0, 1, 2]);
    expect(Array.from(decisions[0].propensities)).toEqual([1 / 3, 1 / 5, 1 / 7].map(Math.fround));
    expect(Array.from(columns.clicked)).toEqual([0, 1, 0]);
    expect(Array.from(columns.taken)).toEqual([1, 1, 0]);
    expect(Array.from(columns.watchSeconds)).toEqual([Number.NaN, 90, Number.NaN]);
    expect(Array.from(columns.rating)).toEqual([Number.NaN, 4, Number.NaN]);
    expect(decisions[0]).toMatchObject({ userId: 'u', timeMs: 0, userOffset: 4 });
    const recorded = Array.from(decisions[0].scores.get('retrieval.rrf') ?? []);
    expect(recorded).toEqual([Number.NaN, 0.5, Number.NaN]);
    expect(decisions[0].largestScores).toEqual({ 'retrieval.ials.score': 0.75 });
  });

  it('sets aside what is younger than the window, whatever came of it so far', async () => {
    const young = 2 * WINDOW;
    const { columns, unripe } = await join([
      shown('a', 0, [1]),
      shown('b', young, [2, 3]),
      did('b', 3, Action.ACTION_CLICK, young + HOUR),
      later(young + WINDOW - 1),
    ]);
    expect([Array.from(columns.item), unripe]).toEqual([[1], 2]);
    const ripe = await join([shown('b', young, [2]), later(young + WINDOW)]);
    expect([ripe.columns.item.length, ripe.unripe]).toEqual([1, 0]);
  });

  it('believes a client that reports what it showed', async () => {
    const { columns, unseen } = await join([
      shown('a', 0, [1, 2, 3]),
      did('a', 1, Action.ACTION_IMPRESSION, HOUR),
      did('a', 2, Action.ACTION_IMPRESSION, HOUR),
      did('a', 2, Action.ACTION_CLICK, HOUR + WINDOW),
      shown('b', 0, [4]),
      later(3 * WINDOW),
    ]);
    expect([Array.from(columns.item), unseen]).toEqual([[1, 2, 4], 1]);
    expect(Array.from(columns.clicked)).toEqual([0, 1, 0]);
    expect(columns.timeMs[0]).toBe(HOUR);
  });

  it('joins feedback that names no request to the latest impression, and none to what was never shown', async () => {
    const { columns } = await join([
      shown('a', 0, [1]),
      shown('b', HOUR, [1, 2]),
      did('', 1, Action.ACTION_WATCH, 2 * HOUR, 5),
      did('', 3, Action.ACTION_WATCH, 2 * HOUR, 5),
      did('other', 2, Action.ACTION_CLICK, 2 * HOUR),
      later(3 * WINDOW),
    ]);
    expect(Array.from(columns.taken)).toEqual([0, 1, 0]);
  });

  it('waits for decisions that the log got after their feedback', async () => {
    const { columns } = await join([
      did('a', 1, Action.ACTION_CLICK, HOUR),
      shown('a', 0, [1]),
      later(2 * WINDOW),
    ]);
    expect(Array.from(columns.clicked)).toEqual([1]);
  });

  it('estimates the true rate of delayed clicks, where clicks so far fall short', async () => {
    const RATE = 0.3;
    const DELAY = 12 * HOUR;
    const random = new Random(5);
    const events: { timeMs: number; event: Event }[] = [];
    const END = 240 * HOUR;
    for (let request = 0; request < 4_000; request++) {
      const timeMs = Math.floor(random.next() * END);
      events.push({ timeMs, event: shown(`r${request}`, timeMs, [1]) });
      const clickMs = Math.floor(timeMs - DELAY * Math.log(1 - random.next()));
      if (random.next() >= RATE || clickMs > END) continue;
      events.push({ timeMs: clickMs, event: did(`r${request}`, 1, Action.ACTION_CLICK, clickMs) });
    }
    events.sort((a, b) => a.timeMs - b.timeMs);
    const rate = ({ clicked }: { clicked: Uint8Array }) =>
      clicked.reduce((sum, c) => sum + c, 0) / clicked.length;
    const window = 60 * HOUR;
    const joined = await join(
      events.map(({ event }) => event),
      window,
    );
    expect(joined.columns.clicked.length + joined.unripe).toBe(4_000);
    expect(Math.abs(rate(joined.columns) - RATE * (1 - Math.exp(-window / DELAY)))).toBeLessThan(0.02);
    const clicks = events.length - 4_000;
    expect(clicks / 4_000).toBeLessThan(RATE - 0.01);
  });
});
