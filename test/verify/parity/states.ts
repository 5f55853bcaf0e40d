import type { LoggedEvent } from '../../../common/log/events.ts';
import { encodeUser } from '../../../common/user-state.ts';
import type { UserLimits } from '../../../common/users/user-record.ts';
import { FeatureFold } from '../../../services/features/stage.ts';

/** A user's state as the features service answered it. */
export interface SeenState {
  readonly userId: string;
  /** What the state says of itself: the log offset up to which it is folded. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Those of the states that the events up to their offset do not make again, byte for byte; one pass in offset order. */
export async function differingStates(
  states: readonly SeenState[],
  events: AsyncIterable<LoggedEvent>,
  limits: UserLimits,
): Promise<SeenState[]> {
  const fold = FeatureFold.empty(limits);
  const waiting = states.toSorted((a, b) => b.offset - a.offset);
  const differing: SeenState[] = [];
  const check = (offset: number): void => {
    for (let next = waiting.at(-1); next !== undefined && next.offset <= offset; next = waiting.at(-1)) {
      if (!encodeUser(fold.users.state(next.userId, next.offset)).equals(next.bytes)) differing.push(next);
      waiting.pop();
    }
  };
  for await (const { offset, event } of events) {
    check(offset);
    fold.apply([{ offset, event }], offset + 1);
  }
  check(Number.POSITIVE_INFINITY);
  return differing;
}
