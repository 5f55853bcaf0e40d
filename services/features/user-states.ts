import { fieldError, MillraceError } from '../../common/errors.ts';
import { checkId } from '../../common/ids.ts';
import { type Call, untilDeadline } from '../../common/rpc/call.ts';
import { anonymousUser, decodeUser, encodeUser, type User } from '../../common/user-state.ts';
import {
  type GetUserStateRequest,
  type GetUserStateResponse,
  UserStatePart,
} from '../../gen/millrace/features/v1/features.ts';
import type { FollowedFold } from './followed-fold.ts';
import type { UserStore } from './stores/user-store.ts';

const EARLIER_IDS_MAX = 64;

/**
 * Answers a user's state from the store. STAGE_UNAVAILABLE while the store is away, and while the service catches up with the log
 * after a start: an old state would hide what was seen since.
 */
export async function getUserState(
  { followed, store }: { followed: FollowedFold; store: UserStore },
  { userId, parts, asOf, earlierIds }: GetUserStateRequest,
  call: Call,
): Promise<GetUserStateResponse> {
  checkId(userId, 'user_id');
  if (earlierIds.length > EARLIER_IDS_MAX)
    throw fieldError('earlier_ids', `${earlierIds.length} ids; at most ${EARLIER_IDS_MAX}`);
  for (const [i, id] of earlierIds.entries()) checkId(id, `earlier_ids[${i}]`);
  if (!followed.isCurrent) throw new MillraceError('STAGE_UNAVAILABLE', 'the log is not folded yet');
  if (asOf > 0) await followed.untilFolded(asOf, call);
  const { offset } = followed;
  const others = [...new Set(earlierIds)].filter((id) => id !== userId);
  const whole = await untilDeadline(store.state(userId, others), call);
  return {
    state: parts.length === 0 ? whole : encodeUser(partsOf(decodeUser(whole), parts)),
    offset,
    catalogueEpoch: followed.fold.catalogue.epoch,
  };
}

function partsOf(user: User, parts: readonly UserStatePart[]): User {
  const has = (part: UserStatePart): boolean => parts.includes(part);
  const { id, offset, profile, preferences, friendItems, aggregates } = user;
  const { items, actions, values, timesMs, positives, hidden } = user;
  const { seen, seenUntil, seenFilter, seenFilterUntil, shown } = user;
  return {
    ...anonymousUser,
    id,
    offset,
    ...(has(UserStatePart.USER_STATE_PART_PROFILE) ? { profile, preferences, friendItems } : {}),
    ...(has(UserStatePart.USER_STATE_PART_HISTORY) ? { items, actions, values, timesMs, positives } : {}),
    ...(has(UserStatePart.USER_STATE_PART_COUNTERS) ? { aggregates } : {}),
    ...(has(UserStatePart.USER_STATE_PART_SEEN)
      ? { seen, seenUntil, seenFilter, seenFilterUntil, hidden, shown }
      : {}),
  };
}
