import { encodeUser, isPositive } from '../../../common/user-state.ts';
import { friendsOf } from '../../../common/users/friends.ts';
import { decodeRecord } from '../../../common/users/stored-user.ts';
import type { RecordedEvent } from '../../../gen/millrace/logging/v1/logging.ts';
import type { FeatureFold } from '../stage.ts';
import type { RedisUsers, StoredBytes } from './redis-users.ts';
import { SeenFilterProbe } from './seen-filter-probe.ts';
import type { UserStore } from './user-store.ts';

const CHUNK_USERS = 500;
const NONE = Buffer.alloc(0);

/** Redis; the fold holds some of the records and fetches others as events touch them. */
export class RedisUserStore implements UserStore {
  readonly #redis: RedisUsers;
  readonly #fold: FeatureFold;
  readonly #heldUsersMax: number;
  readonly #probe = new SeenFilterProbe();

  constructor(redis: RedisUsers, fold: FeatureFold, heldUsersMax: number) {
    this.#redis = redis;
    this.#fold = fold;
    this.#heldUsersMax = heldUsersMax;
  }

  async prepare(events: readonly RecordedEvent[]): Promise<void> {
    const { users } = this.#fold;
    const touched = new Set<string>();
    const heard = new Set<string>();
    const described = new Set<string>();
    for (const { event } of events) {
      if (event?.feedback !== undefined) {
        touched.add(event.feedback.userId);
        if (isPositive(event.feedback.action)) heard.add(event.feedback.userId);
      } else if (event?.user !== undefined) {
        const { id, attributes } = event.user;
        described.add(id);
        for (const other of [id, ...friendsOf(id, attributes)]) touched.add(other);
      } else if (event?.forgotten !== undefined) {
        const { userId } = event.forgotten;
        for (const set of [touched, heard, described]) set.add(userId);
      }
    }
    await this.#hold(touched);
    const others = new Set<string>();
    for (const id of heard) for (const follower of users.record(id)?.followers ?? []) others.add(follower);
    for (const id of described)
      for (const friend of friendsOf(id, users.record(id)?.profile ?? {})) others.add(friend);
    await this.#hold(others);
  }

  async commit(changed: ReadonlySet<string>, offset: number): Promise<void> {
    const { users, catalogue } = this.#fold;
    const stored = Array.from(changed, (userId) => {
      if (!users.has(userId)) return { userId, state: NONE, record: NONE };
      const user = users.state(userId, offset);
      this.#probe.maybe(user, users.record(userId), catalogue.size);
      return { userId, state: encodeUser(user), record: users.stored(userId) };
    });
    await this.#redis.commit(stored, offset);
    users.shrink(this.#heldUsersMax);
  }

  async state(userId: string, earlierIds: readonly string[] = []): Promise<Buffer> {
    const { offset } = this.#redis;
    if (earlierIds.length > 0) {
      const records = await this.#redis.readRecords([userId, ...earlierIds].toReversed());
      return encodeUser(this.#fold.users.joined(userId, records.map(decodeRecord), offset));
    }
    return (await this.#redis.state(userId)) ?? encodeUser(this.#fold.users.unknown(userId, offset));
  }

  close(): Promise<void> {
    return this.#redis.close();
  }

  async #hold(userIds: ReadonlySet<string>): Promise<void> {
    const { users } = this.#fold;
    const missing = [...userIds].filter((userId) => !users.has(userId));
    for (const record of await this.#redis.records(missing)) users.adopt(record);
  }
}

/** All users of a fold, some at a time. */
export function* storedUsers({ users, offset }: FeatureFold): Generator<StoredBytes[]> {
  let chunk: StoredBytes[] = [];
  for (const userId of users.ids()) {
    chunk.push({ userId, state: encodeUser(users.state(userId, offset)), record: users.stored(userId) });
    if (chunk.length < CHUNK_USERS) continue;
    yield chunk;
    chunk = [];
  }
  yield chunk;
}
