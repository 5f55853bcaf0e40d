import { CounterFold } from '../../common/features/counter-fold.ts';
import type { ItemCounters } from '../../common/features/item-counters.ts';
import type { User } from '../../common/user-state.ts';
import { UserFold } from '../../common/users/fold.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import type { Action } from '../../gen/millrace/type/v1/type.ts';
import type { LogData } from './dataset/from-log.ts';
import { PairSet, type Target } from './positives.ts';

/** A held-out pair with what was known of its user just before the pair's first event. */
export interface Moment extends Target {
  readonly state: User;
}

/** Folds the log as serving does and yields each target at its moment. Events with pairs of `never` are passed over. */
export function* replay(
  data: LogData,
  targets: readonly Target[],
  never: PairSet,
  limits: UserLimits,
): Generator<Moment> {
  const waiting = PairSet.of(targets, data.catalogue.size);
  const past = new Past(data, never, limits);
  const { user, item, offset, timeMs } = data.feedback;
  for (let row = 0; row < user.length; row++) {
    if (never.has(user[row], item[row]) || !waiting.delete(user[row], item[row])) continue;
    past.goTo(offset[row]);
    const state = past.fold.state(data.users[user[row]], offset[row]);
    yield { user: user[row], item: item[row], timeMs: timeMs[row], state };
  }
}

/** Users' states at the end of the log, had the events with pairs of `never` not happened. */
export function foldWithout(data: LogData, never: PairSet, limits: UserLimits): UserFold {
  const past = new Past(data, never, limits);
  past.goTo(data.endOffset);
  return past.fold;
}

/** Users' states and item counters as the log before an offset makes them; they go on with the replay. */
export interface PastState {
  /** Index of the offset. */
  readonly index: number;
  readonly fold: UserFold;
  readonly counters: CounterFold;
}

/** Folds the log and stops before each of `offsets`, lowest first, equal ones in order. Events with pairs of `never` are passed over. */
export function* replayBefore(
  data: LogData,
  offsets: ArrayLike<number>,
  never: PairSet,
  limits: UserLimits,
): Generator<PastState> {
  const order = Uint32Array.from(offsets, (_, index) => index);
  order.sort((a, b) => offsets[a] - offsets[b] || a - b);
  const counters = new CounterFold();
  const past = new Past(data, never, limits, counters);
  for (const index of order) {
    past.goTo(offsets[index]);
    yield { index, fold: past.fold, counters };
  }
}

/** Item counters at the end of the log, had the events with pairs of `never` not happened. */
export function countersWithout(data: LogData, never: PairSet): ItemCounters {
  const counters = new CounterFold();
  const { user, item } = data.feedback;
  for (let row = 0; row < user.length; row++)
    if (!never.has(user[row], item[row])) count(counters, data, row);
  return counters.counters(data.endOffset);
}

function count(counters: CounterFold, { feedback }: LogData, row: number): void {
  const event = { action: feedback.action[row] as Action, value: feedback.value[row] };
  counters.add(feedback.item[row], event, feedback.timeMs[row], feedback.offset[row]);
}

/** Users' states as the log before an offset makes them, every event in its place; the offset only grows. */
class Past {
  readonly fold: UserFold;
  readonly #data: LogData;
  readonly #never: PairSet;
  readonly #counters: CounterFold | undefined;
  #row = 0;
  #userEvent = 0;

  /** Events with pairs of `never` are passed over; `counters` go along. */
  constructor(data: LogData, never: PairSet, limits: UserLimits, counters?: CounterFold) {
    this.fold = new UserFold(data.catalogue, limits);
    this.#data = data;
    this.#never = never;
    this.#counters = counters;
  }

  /** Takes in what the log has before `offset`. */
  goTo(offset: number): void {
    const { userEvents } = this.#data;
    for (; userEvents[this.#userEvent]?.offset < offset; this.#userEvent++) {
      const { offset: at, event } = userEvents[this.#userEvent];
      this.#addFeedback(at);
      if (event.user !== undefined) this.fold.attributes(event.user);
      else if (event.feedback !== undefined) this.fold.feedback(event.feedback, event.timeMs);
    }
    this.#addFeedback(offset);
  }

  #addFeedback(beforeOffset: number): void {
    const { feedback, users, catalogue } = this.#data;
    const { user, item, action, value, timeMs, offset } = feedback;
    for (; offset[this.#row] < beforeOffset; this.#row++) {
      const row = this.#row;
      if (this.#never.has(user[row], item[row])) continue;
      const event = Feedback.fromPartial({
        userId: users[user[row]],
        itemId: catalogue.idOf(item[row]),
        action: action[row] as Action,
        ...(Number.isNaN(value[row]) ? {} : { value: value[row] }),
      });
      this.fold.feedback(event, timeMs[row]);
      if (this.#counters !== undefined) count(this.#counters, this.#data, row);
    }
  }
}
