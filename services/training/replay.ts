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
  const fold = foldOfAttributes(data, limits);
  const { user, item, offset, timeMs } = data.feedback;
  for (let row = 0; row < user.length; row++) {
    if (never.has(user[row], item[row])) continue;
    if (waiting.delete(user[row], item[row])) {
      const state = fold.state(data.users[user[row]], offset[row]);
      yield { user: user[row], item: item[row], timeMs: timeMs[row], state };
    }
    addFeedback(fold, data, row);
  }
}

/** Users' states at the end of the log, had the events with pairs of `never` not happened. */
export function foldWithout(data: LogData, never: PairSet, limits: UserLimits): UserFold {
  const fold = foldOfAttributes(data, limits);
  const { user, item } = data.feedback;
  for (let row = 0; row < user.length; row++)
    if (!never.has(user[row], item[row])) addFeedback(fold, data, row);
  return fold;
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
  const fold = foldOfAttributes(data, limits);
  const counters = new CounterFold();
  const { user, item, offset } = data.feedback;
  let row = 0;
  for (const index of order) {
    for (; row < user.length && offset[row] < offsets[index]; row++) {
      if (never.has(user[row], item[row])) continue;
      addFeedback(fold, data, row);
      count(counters, data, row);
    }
    yield { index, fold, counters };
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

function foldOfAttributes({ profiles, catalogue }: LogData, limits: UserLimits): UserFold {
  const fold = new UserFold(catalogue, limits);
  for (const [id, attributes] of profiles) fold.attributes({ id, attributes });
  return fold;
}

function addFeedback(fold: UserFold, { users, catalogue, feedback }: LogData, row: number): void {
  const event = Feedback.fromPartial({
    userId: users[feedback.user[row]],
    itemId: catalogue.idOf(feedback.item[row]),
    action: feedback.action[row] as Action,
    ...(Number.isNaN(feedback.value[row]) ? {} : { value: feedback.value[row] }),
  });
  fold.feedback(event, feedback.timeMs[row]);
}
