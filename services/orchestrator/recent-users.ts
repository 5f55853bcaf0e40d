import { LRUCache } from 'lru-cache';
import type { OrchestratorConfig } from './config.ts';

interface RecentUser {
  /** The latest encoded user state; empty before the first. */
  state: Uint8Array;
  /** The log offset that it was folded up to, exclusive. */
  offset: number;
  /** What the user did with items, recorded through here and not yet in `state`: log offset and ordinal. */
  pending: { offset: number; ordinal: number }[];
}

const PENDING_MAX = 1_000;
const DAY_MS = 86_400_000;
const TTL_RESOLUTION_MS = 1_000;

/**
 * What the orchestrator remembers of recent users: their last state, for when the features service is away, and the items that
 * they acted on since, so that a hidden or consumed item is gone from the next answer even before the features service knows.
 */
export class RecentUsers {
  readonly #users: LRUCache<string, RecentUser>;

  /** No user is remembered for longer than `ageMsMax`. */
  constructor(
    {
      recentUsersMax,
      recentUsersBytesMax,
    }: Pick<OrchestratorConfig, 'recentUsersMax' | 'recentUsersBytesMax'>,
    ageMsMax = DAY_MS,
  ) {
    this.#users = new LRUCache({
      max: recentUsersMax,
      ttl: ageMsMax,
      ttlResolution: TTL_RESOLUTION_MS,
      maxSize: recentUsersBytesMax,
      sizeCalculation: ({ state, pending }) => 200 + state.length + 16 * pending.length,
    });
  }

  /** Keeps a state that the features service answered. False, and nothing done, if it is older than the one known. */
  keep(userId: string, state: Uint8Array, offset: number): boolean {
    const known = this.#users.get(userId);
    if (known !== undefined && known.offset > offset) return false;
    const pending = known?.pending.filter((event) => event.offset >= offset) ?? [];
    this.#users.set(userId, { state, offset, pending });
    return true;
  }

  /** Lets go of a user. */
  forget(userId: string): void {
    this.#users.delete(userId);
  }

  /** The last state known; undefined if there is none. */
  state(userId: string): Uint8Array | undefined {
    const state = this.#users.get(userId)?.state;
    return state === undefined || state.length === 0 ? undefined : state;
  }

  /** Takes note of a recorded action. */
  acted(userId: string, ordinal: number, offset: number): void {
    const known = this.#users.get(userId) ?? { state: new Uint8Array(0), offset: 0, pending: [] };
    const pending = [...known.pending, { offset, ordinal }].slice(-PENDING_MAX);
    this.#users.set(userId, { ...known, pending });
  }

  /** Ordinals acted on that a state of this offset does not know. */
  actedSince(userId: string, offset: number): number[] {
    const pending = this.#users.get(userId)?.pending ?? [];
    return pending.filter((event) => event.offset >= offset).map((event) => event.ordinal);
  }
}
