import { LRUCache } from 'lru-cache';
import { encodeUser } from '../../../common/user-state.ts';
import type { FeatureFold } from '../stage.ts';
import { SeenFilterProbe } from './seen-filter-probe.ts';
import type { UserStore } from './user-store.ts';

const CACHED_OVERHEAD_BYTES = 200;

/** The fold's own memory; encoded states are kept until the user does something. Snapshots outlive the process. */
export class ProcessUserStore implements UserStore {
  readonly #fold: FeatureFold;
  readonly #encoded: LRUCache<string, Buffer>;
  readonly #probe = new SeenFilterProbe();

  constructor(fold: FeatureFold, cachedBytesMax: number) {
    this.#fold = fold;
    this.#encoded = new LRUCache({
      maxSize: cachedBytesMax,
      sizeCalculation: (bytes) => bytes.length + CACHED_OVERHEAD_BYTES,
    });
  }

  async prepare(): Promise<void> {}

  async commit(changed: ReadonlySet<string>): Promise<void> {
    for (const userId of changed) this.#encoded.delete(userId);
  }

  async state(userId: string, earlierIds: readonly string[] = []): Promise<Buffer> {
    const { users, catalogue, usersOffset } = this.#fold;
    if (earlierIds.some((id) => users.has(id))) {
      const records = [userId, ...earlierIds].toReversed().flatMap((id) => users.record(id) ?? []);
      return encodeUser(users.joined(userId, records, usersOffset));
    }
    const known = this.#encoded.get(userId);
    if (known !== undefined) return known;
    const user = users.state(userId, usersOffset);
    const bytes = encodeUser(user);
    this.#encoded.set(userId, bytes);
    this.#probe.maybe(user, users.record(userId), catalogue.size);
    return bytes;
  }

  async close(): Promise<void> {}
}
