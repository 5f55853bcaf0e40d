import { LRUCache } from 'lru-cache';
import { measureBloomRate } from '../../common/bloom/rate.ts';
import { MillraceError } from '../../common/errors.ts';
import { checkId } from '../../common/ids.ts';
import { Random } from '../../common/random.ts';
import type { Call } from '../../common/rpc/call.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import { anonymousUser, encodeUser, type User } from '../../common/user-state.ts';
import {
  type GetUserStateRequest,
  type GetUserStateResponse,
  UserStatePart,
} from '../../gen/millrace/features/v1/features.ts';
import type { FollowedFold } from './followed-fold.ts';

const PROBES = 100;
const PROBE_SHARE = 0.01;
const CACHED_OVERHEAD_BYTES = 200;

/** Encoded user states, kept until the user does something. */
export class UserStates {
  readonly #followed: FollowedFold;
  readonly #encoded: LRUCache<string, Buffer>;
  readonly #random = new Random(1);
  #falsePositives = { probes: 0, hits: 0 };

  constructor(followed: FollowedFold, cachedBytesMax: number) {
    this.#followed = followed;
    this.#encoded = new LRUCache({
      maxSize: cachedBytesMax,
      sizeCalculation: (bytes) => bytes.length + CACHED_OVERHEAD_BYTES,
    });
    followed.onUser((userId) => this.#encoded.delete(userId));
  }

  /** STAGE_UNAVAILABLE while the service catches up with the log after a start: an old state would hide what was seen since. */
  async get({ userId, parts, asOf }: GetUserStateRequest, call: Call): Promise<GetUserStateResponse> {
    checkId(userId, 'user_id');
    if (!this.#followed.isCurrent) throw new MillraceError('STAGE_UNAVAILABLE', 'the log is not folded yet');
    if (asOf > 0) await this.#followed.untilFolded(asOf, call);
    const { fold } = this.#followed;
    return {
      state: parts.length === 0 ? this.#whole(userId) : encodeUser(partsOf(this.#state(userId), parts)),
      offset: fold.offset,
      catalogueEpoch: fold.catalogue.epoch,
    };
  }

  #whole(userId: string): Buffer {
    let bytes = this.#encoded.get(userId);
    if (bytes === undefined) {
      const user = this.#state(userId);
      bytes = encodeUser(user);
      this.#encoded.set(userId, bytes);
      if (user.seenFilter !== undefined && this.#random.next() < PROBE_SHARE) this.#measure(user);
    }
    return bytes;
  }

  #state(userId: string): User {
    const { fold } = this.#followed;
    return fold.users.state(userId, fold.offset);
  }

  /** Asks the filter for random items that the user has not seen; of no use where there are hardly any. */
  #measure({ id, seenFilter }: User): void {
    const { fold } = this.#followed;
    const record = fold.users.record(id);
    if (record === undefined || seenFilter === undefined) return;
    if (record.seenCount * 2 > fold.catalogue.size) return;
    const rate = measureBloomRate(
      seenFilter,
      (key) => record.hasSeen(key),
      fold.catalogue.size,
      PROBES,
      this.#random,
    );
    this.#falsePositives.probes += PROBES;
    this.#falsePositives.hits += rate * PROBES;
    metrics.seenFilterFalsePositiveRatio.set(this.#falsePositives.hits / this.#falsePositives.probes);
  }
}

function partsOf(user: User, parts: readonly UserStatePart[]): User {
  const has = (part: UserStatePart): boolean => parts.includes(part);
  const { id, offset, profile, preferences, friendItems, aggregates } = user;
  const { items, actions, values, timesMs, positives, seen, seenFilter, hidden } = user;
  return {
    ...anonymousUser,
    id,
    offset,
    ...(has(UserStatePart.USER_STATE_PART_PROFILE) ? { profile, preferences, friendItems } : {}),
    ...(has(UserStatePart.USER_STATE_PART_HISTORY) ? { items, actions, values, timesMs, positives } : {}),
    ...(has(UserStatePart.USER_STATE_PART_COUNTERS) ? { aggregates } : {}),
    ...(has(UserStatePart.USER_STATE_PART_SEEN) ? { seen, seenFilter, hidden } : {}),
  };
}
