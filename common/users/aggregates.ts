import { Action } from '../../gen/millrace/type/v1/type.ts';
import { ACTION_BY_NAME } from '../actions.ts';

const DAY_MS = 86_400_000;
const ACTIVITY_HALF_LIFE_MS = 7 * DAY_MS;

/** One event as aggregates see it. */
interface AggregateEvent {
  /** NaN where the event has none. */
  readonly value: number;
  readonly timeMs: number;
  /** The greatest time of the user's earlier events in log order; NaN: there is none. */
  readonly latestMs: number;
  /** A pause longer than this begins a session. */
  readonly sessionGapMs: number;
}

/** Where earlier events of a person end and later ones begin, milliseconds; NaN: one of them has no events. */
interface Seam {
  /** From the latest of the earlier to the first of the later. */
  readonly pauseMs: number;
  /** From the latest of the earlier to the latest of the later. */
  readonly sinceMs: number;
  readonly sessionGapMs: number;
}

/**
 * One number a user, folded from feedback **in log order, whatever the events' times**. Times are compared with the greatest one so
 * far: an event that comes late counts, yet it begins no session and no day and takes no user back. A duplicate never gets here:
 * the log refuses an event id that it has.
 */
interface UserAggregate {
  /** Of a user without events; NaN: missing. */
  readonly initial: number;
  /** The actions that change it. */
  readonly actions: readonly Action[];
  readonly fold: (before: number, event: AggregateEvent) => number;
  /** Of earlier and later events together. Absent: the sum. */
  readonly join?: (earlier: number, later: number, seam: Seam) => number;
  readonly description: string;
}

const actions = [...ACTION_BY_NAME.values()];

function count(action: Action, description: string): UserAggregate {
  return { initial: 0, actions: [action], fold: (before) => before + 1, description };
}

function sum(action: Action, description: string): UserAggregate {
  return {
    initial: 0,
    actions: [action],
    fold: (before, { value }) => (Number.isNaN(value) ? before : before + value),
    description,
  };
}

/** Every number that is kept of a user. The order is that of `UserState.aggregate`: new ones go to the end. */
export const USER_AGGREGATES = {
  impression: count(Action.ACTION_IMPRESSION, 'items shown'),
  view: count(Action.ACTION_VIEW, 'items opened'),
  click: count(Action.ACTION_CLICK, 'clicks'),
  purchase: count(Action.ACTION_PURCHASE, 'purchases'),
  purchase_amount: sum(Action.ACTION_PURCHASE, 'amount paid'),
  rating: count(Action.ACTION_RATING, 'ratings'),
  rating_sum: sum(Action.ACTION_RATING, 'sum of the ratings'),
  watch: count(Action.ACTION_WATCH, 'times watched'),
  watch_seconds: sum(Action.ACTION_WATCH, 'seconds watched'),
  like: count(Action.ACTION_LIKE, 'likes'),
  dislike: count(Action.ACTION_DISLIKE, 'dislikes'),
  comment: count(Action.ACTION_COMMENT, 'comments'),
  share: count(Action.ACTION_SHARE, 'times shared'),
  hide: count(Action.ACTION_HIDE, 'items hidden'),
  subscribe: count(Action.ACTION_SUBSCRIBE, 'subscriptions'),
  prefer: count(Action.ACTION_PREFER, 'statements of preference'),
  active_days: {
    initial: 0,
    actions,
    fold: (before, { timeMs, latestMs }) =>
      Math.floor(timeMs / DAY_MS) <= Math.floor(latestMs / DAY_MS) ? before : before + 1,
    description: 'days, UTC, with an event',
  },
  sessions: {
    initial: 0,
    actions,
    fold: (before, { timeMs, latestMs, sessionGapMs }) =>
      timeMs - latestMs <= sessionGapMs ? before : before + 1,
    join: (earlier, later, { pauseMs, sessionGapMs }) => earlier + later - (pauseMs <= sessionGapMs ? 1 : 0),
    description: 'sessions: events without a pause longer than `features.sessionGapMs`',
  },
  session_seconds: {
    initial: 0,
    actions,
    fold: (before, { timeMs, latestMs, sessionGapMs }) => {
      const sinceMs = timeMs - latestMs;
      return sinceMs > 0 && sinceMs <= sessionGapMs ? before + sinceMs / 1_000 : before;
    },
    join: (earlier, later, { pauseMs, sessionGapMs }) =>
      earlier + later + (pauseMs > 0 && pauseMs <= sessionGapMs ? pauseMs / 1_000 : 0),
    description: 'length of all sessions, seconds',
  },
  activity: {
    initial: 0,
    actions,
    fold: (before, { timeMs, latestMs }) => {
      if (Number.isNaN(latestMs)) return 1;
      const halvings = (timeMs - latestMs) / ACTIVITY_HALF_LIFE_MS;
      return halvings >= 0 ? before * 2 ** -halvings + 1 : before + 2 ** halvings;
    },
    join: (earlier, later, { sinceMs }) => {
      if (Number.isNaN(sinceMs)) return earlier + later;
      const halvings = sinceMs / ACTIVITY_HALF_LIFE_MS;
      return halvings >= 0 ? earlier * 2 ** -halvings + later : earlier + later * 2 ** halvings;
    },
    description: 'events, each halved every seven days, as of the latest event',
  },
  first_ms: {
    initial: Number.NaN,
    actions,
    fold: (before, { timeMs }) => (before <= timeMs ? before : timeMs),
    join: (earlier, later) => (later >= earlier || Number.isNaN(later) ? earlier : later),
    description: 'least time of an event, milliseconds since the Unix epoch',
  },
  latest_ms: {
    initial: Number.NaN,
    actions,
    fold: (before, { timeMs }) => (before >= timeMs ? before : timeMs),
    join: (earlier, later) => (later <= earlier || Number.isNaN(later) ? earlier : later),
    description: 'greatest time of an event, milliseconds since the Unix epoch',
  },
} as const satisfies Readonly<Record<string, UserAggregate>>;

export type UserAggregateName = keyof typeof USER_AGGREGATES;
export const userAggregates = Object.keys(USER_AGGREGATES) as UserAggregateName[];

/** Where each aggregate stands in `User.aggregates`. */
export const AGGREGATE_INDEX = Object.fromEntries(
  userAggregates.map((name, index) => [name, index]),
) as Readonly<Record<UserAggregateName, number>>;

/** Of a user without events; not to be written to. */
export const initialAggregates = Float64Array.from(userAggregates, (name) => USER_AGGREGATES[name].initial);

interface Step {
  readonly index: number;
  readonly fold: UserAggregate['fold'];
}

/** By action: what it changes. */
const STEPS: readonly (readonly Step[])[] = Array.from({ length: 256 }, (_, action) =>
  userAggregates.flatMap((name, index) => {
    const aggregate: UserAggregate = USER_AGGREGATES[name];
    return aggregate.actions.includes(action as Action) ? [{ index, fold: aggregate.fold }] : [];
  }),
);

/** Folds one event into a user's aggregates. */
export function foldAggregates(
  aggregates: Float64Array,
  action: Action,
  value: number,
  timeMs: number,
  sessionGapMs: number,
): void {
  const latestMs = aggregates[AGGREGATE_INDEX.latest_ms];
  const event: AggregateEvent = { value, timeMs, latestMs, sessionGapMs };
  for (const { index, fold } of STEPS[action] ?? []) aggregates[index] = fold(aggregates[index], event);
}

/** The aggregates of earlier and later events of one person together: those of all events, if all of the later ones are of later days. */
export function joinAggregates(
  earlier: Float64Array,
  later: Float64Array,
  sessionGapMs: number,
): Float64Array {
  const [latestMs, nextMs] = [earlier[AGGREGATE_INDEX.latest_ms], later[AGGREGATE_INDEX.first_ms]];
  const seam = {
    pauseMs: nextMs - latestMs,
    sinceMs: later[AGGREGATE_INDEX.latest_ms] - latestMs,
    sessionGapMs,
  };
  return Float64Array.from(userAggregates, (name, index) => {
    const { join }: UserAggregate = USER_AGGREGATES[name];
    return join === undefined ? earlier[index] + later[index] : join(earlier[index], later[index], seam);
  });
}
