import { Action } from '../../gen/millrace/type/v1/type.ts';
import { ACTION_BY_NAME } from '../actions.ts';
import { isPositive } from '../user-state.ts';

/**
 * One number an item, folded from feedback **in log order, whatever the events' times**: `count` adds 1, `sum` adds the event's value
 * (nothing where it has none), `latest` is the greatest event time, so that a late event never takes an item back. A duplicate never
 * gets here: the log refuses an event id that it has.
 */
export interface ItemReducer {
  readonly actions: readonly Action[];
  readonly kind: 'count' | 'sum' | 'latest';
  readonly description: string;
}

const actions = [...ACTION_BY_NAME.values()];
const HOUR_MS = 3_600_000;

function count(action: Action, description: string): ItemReducer {
  return { actions: [action], kind: 'count', description };
}

function sum(action: Action, description: string): ItemReducer {
  return { actions: [action], kind: 'sum', description };
}

/** Every number that is kept of an item; the name is that of its column after `count.`. */
export const ITEM_REDUCERS = {
  positive: {
    actions: actions.filter(isPositive),
    kind: 'count',
    description: 'events by which a person showed interest',
  },
  impression: count(Action.ACTION_IMPRESSION, 'times shown'),
  click: count(Action.ACTION_CLICK, 'clicks'),
  view: count(Action.ACTION_VIEW, 'times opened'),
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
  hide: count(Action.ACTION_HIDE, 'times hidden'),
  subscribe: count(Action.ACTION_SUBSCRIBE, 'subscriptions'),
  latest_hour: {
    actions: actions.filter(
      (action) => action !== Action.ACTION_IMPRESSION && action !== Action.ACTION_PREFER,
    ),
    kind: 'latest',
    description: 'hours from the Unix epoch to the latest event other than an impression',
  },
} as const satisfies Readonly<Record<string, ItemReducer>>;

export type ItemCounter = keyof typeof ITEM_REDUCERS;
export const itemCounters = Object.keys(ITEM_REDUCERS) as ItemCounter[];

/** What one event does to one column. */
export interface Reduction {
  /** Index in `itemCounters`. */
  readonly column: number;
  readonly kind: ItemReducer['kind'];
}

/** By action: the columns that it changes. */
export const REDUCTIONS: readonly (readonly Reduction[])[] = Array.from({ length: 256 }, (_, action) =>
  itemCounters.flatMap((name, column) => {
    const reducer: ItemReducer = ITEM_REDUCERS[name];
    return reducer.actions.includes(action as Action) ? [{ column, kind: reducer.kind }] : [];
  }),
);

/** A column's value after an event. `value`: NaN where the event has none. */
export function reduced(kind: ItemReducer['kind'], before: number, value: number, timeMs: number): number {
  if (kind === 'count') return before + 1;
  if (kind === 'sum') return Number.isNaN(value) ? before : before + value;
  return Math.max(before, timeMs / HOUR_MS);
}
