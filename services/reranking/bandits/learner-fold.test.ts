import { expect, it } from 'vitest';
import { Random } from '../../../common/random.ts';
import { Event, type RecordedEvent } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { explorationConfig, loggedDraws } from './fixtures/logged-draws.ts';
import { LearnerFold } from './learner-fold.ts';
import { decodePosteriors } from './posteriors.ts';

const recorded = (events: readonly Event[]): RecordedEvent[] =>
  events.map((event, offset) => ({ offset, event }));

function folded(events: readonly Event[], fold = LearnerFold.empty(explorationConfig)): LearnerFold {
  fold.apply(recorded(events), events.length);
  return fold;
}

/** The odds of the two slate policies. */
function slateOdds(fold: LearnerFold): number[] {
  const { slates } = decodePosteriors(explorationConfig, fold.posteriors());
  const out = new Float64Array(2);
  const arms = { count: 2, ids: ['default', 'turned'], contexts: new Float32Array(0) };
  slates?.policy(arms, new Random(1), out);
  return [...out];
}

it('the same log gives the same bytes however it is cut, and from a state saved anywhere', () => {
  const seed = 11;
  console.log(`seed ${seed}`);
  const random = new Random(seed);
  const events = loggedDraws(300, seed);
  const whole = folded(events);
  let cut = LearnerFold.empty(explorationConfig);
  for (let from = 0; from < events.length; ) {
    const to = Math.min(events.length, from + 1 + random.int(60));
    cut.apply(recorded(events).slice(from, to), to);
    if (random.int(3) === 0) cut = LearnerFold.read(explorationConfig, cut.serialise());
    from = to;
  }
  expect(cut.offset).toBe(events.length);
  expect(Buffer.from(cut.posteriors()).equals(Buffer.from(whole.posteriors()))).toBe(true);
  expect(Buffer.from(cut.serialise()).equals(Buffer.from(whole.serialise()))).toBe(true);
});

it('a decision is learnt from when the log has passed it by the reward window, with the rewards that came before', () => {
  const [first] = loggedDraws(1, 3);
  const chosen = first.decision?.exploration[0].chosen as number;
  const act = (action: Action): Event =>
    Event.fromPartial({
      eventId: `f${action}`,
      timeMs: first.timeMs,
      feedback: { userId: 'u', itemId: 'i0', requestId: 'r0', action },
    });
  const later = (minutes: number): Event =>
    Event.fromPartial({
      eventId: `d${minutes}`,
      timeMs: minutes * 60_000,
      decision: { requestId: `x${minutes}` },
    });
  const odds = (...events: Event[]): number => slateOdds(folded([first, ...events]))[chosen];

  expect(odds(act(Action.ACTION_CLICK), later(29))).toBeCloseTo(0.5, 5);
  const rewarded = odds(act(Action.ACTION_CLICK), later(30));
  expect(rewarded).toBeGreaterThan(0.6);
  expect(odds(later(30), act(Action.ACTION_CLICK), later(90))).toBeLessThan(0.4);
  expect(odds(act(Action.ACTION_CLICK), act(Action.ACTION_PURCHASE), later(30))).toBeCloseTo(rewarded, 6);
  expect(odds(act(Action.ACTION_CLICK), act(Action.ACTION_HIDE), later(30))).toBeLessThan(0.4);
});

it('a bonus is no part of what is learnt', () => {
  const events = loggedDraws(100, 4);
  const bare = events.map((event) => {
    const copy = Event.decode(Event.encode(event).finish());
    for (const draw of copy.decision?.exploration ?? []) draw.bonus = 0;
    return copy;
  });
  expect(Buffer.from(folded(events).posteriors()).equals(Buffer.from(folded(bare).posteriors()))).toBe(true);
});
