import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import type { User as UserAttributes } from '../../gen/millrace/features/v1/features.ts';
import type { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { ACTION_BY_NAME } from '../actions.ts';
import { packArrays, unpackArrays } from '../arrays.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { isPositive, type User } from '../user-state.ts';
import { userAggregates } from './aggregates.ts';
import { friendsOf } from './friends.ts';
import { joinedRecord } from './joining.ts';
import { decodeHead, decodeRecord, encodeHead, encodeRecord } from './stored-user.ts';
import { type UserColumns, type UserLimits, UserRecord } from './user-record.ts';

const KIND = 'users';
const TURN_USERS = 1_000;
const COLUMNS = [
  { name: 'items', type: 'u32', array: Uint32Array },
  { name: 'actions', type: 'u8', array: Uint8Array },
  { name: 'values', type: 'f32', array: Float32Array },
  { name: 'timesMs', type: 'f64', array: Float64Array },
  { name: 'seen', type: 'u32', array: Uint32Array },
  { name: 'seenUntil', type: 'u32', array: Uint32Array },
  { name: 'positive', type: 'u8', array: Uint8Array },
  { name: 'hidden', type: 'u32', array: Uint32Array },
  { name: 'aggregates', type: 'f64', array: Float64Array },
  { name: 'shownItems', type: 'u32', array: Uint32Array },
  { name: 'shownSeconds', type: 'u32', array: Uint32Array },
  { name: 'friendItems', type: 'u32', array: Uint32Array },
] as const;
type ColumnArray = Uint32Array | Uint8Array | Float32Array | Float64Array;

/** Raised whenever the fold makes something else of the same events. */
const FOLD_VERSION = 3;

/** Identifies what the fold makes of events: what another one folded must be folded anew. */
export function foldIdentity({ historyMax, sessionGapMs, seenSeconds, impressionsMax }: UserLimits): string {
  const seen = [...ACTION_BY_NAME.values()].map((action) => seenSeconds[action]);
  return [FOLD_VERSION, historyMax, sessionGapMs, impressionsMax, seen, ...userAggregates].join(' ');
}

/**
 * Users' state as a fold of feedback and attributes in log order: an event that comes late takes its place in the log, not in
 * time. The same fold serves online and builds training data, so that both see the same state at the same offset.
 *
 * Friends: the attribute `friends` of a user names others, and from then on the items of their positive events are kept with the
 * user, by push, so that the state of a user at an offset depends on nobody else's.
 */
export class UserFold {
  readonly #catalogue: Catalogue;
  readonly #limits: UserLimits;
  readonly #users = new Map<string, UserRecord>();
  #skipped = 0;

  /** `catalogue`: resolves item ids; it must be folded at least as far as the events. */
  constructor(catalogue: Catalogue, limits: UserLimits) {
    this.#catalogue = catalogue;
    this.#limits = limits;
  }

  /** Users with an event or attributes, or named as a friend. */
  get size(): number {
    return this.#users.size;
  }

  /** Feedback on items that the catalogue never had. */
  get skipped(): number {
    return this.#skipped;
  }

  /**
   * Applies feedback; answers the item's ordinal, undefined if it has none or the catalogue never had it. Adds to `changed` whose
   * record is another one now.
   */
  feedback(
    { userId, itemId, action, value, categories }: Feedback,
    timeMs: number,
    changed?: Set<string>,
  ): number | undefined {
    if (action === Action.ACTION_PREFER) {
      this.#record(userId).prefer(categories, value ?? 1, timeMs, this.#limits);
      changed?.add(userId);
      return undefined;
    }
    const ordinal = this.#catalogue.ordinalEver(itemId);
    if (ordinal === undefined) {
      this.#skipped++;
      return undefined;
    }
    const record = this.#record(userId);
    record.add(ordinal, action, value, timeMs, this.#limits);
    changed?.add(userId);
    if (record.followers.size === 0 || !isPositive(action)) return ordinal;
    for (const follower of record.followers) {
      this.#record(follower).hear(ordinal);
      changed?.add(follower);
    }
    return ordinal;
  }

  /** Replaces a user's attributes. Adds to `changed` whose record is another one now. */
  attributes({ id, attributes }: UserAttributes, changed?: Set<string>): void {
    const record = this.#record(id);
    const before = friendsOf(id, record.profile);
    const after = friendsOf(id, attributes);
    record.profile = attributes;
    changed?.add(id);
    for (const friend of before) {
      const known = this.#users.get(friend);
      if (after.has(friend) || known === undefined) continue;
      known.unfollow(id);
      changed?.add(friend);
    }
    for (const friend of after) {
      if (before.has(friend)) continue;
      this.#record(friend).follow(id);
      changed?.add(friend);
    }
  }

  /**
   * Drops all that is held of a user, also as a friend of others: what friends of theirs heard is dropped with it. Adds to `changed`
   * whose record is another one, or none, now.
   */
  forget(userId: string, changed?: Set<string>): void {
    const record = this.#users.get(userId);
    changed?.add(userId);
    if (record === undefined) return;
    this.#users.delete(userId);
    for (const friend of friendsOf(userId, record.profile)) {
      this.#users.get(friend)?.unfollow(userId);
      changed?.add(friend);
    }
    for (const follower of record.followers) {
      this.#users.get(follower)?.loseFriend(userId);
      changed?.add(follower);
    }
  }

  /** The user's state; `offset`: up to where the fold has gone. An unknown user has an empty one. */
  state(userId: string, offset: number): User {
    const record = this.#users.get(userId);
    return record === undefined ? this.unknown(userId, offset) : record.state(offset, this.#limits);
  }

  /** The state of a person with several names; see `joinedRecord`. */
  joined(userId: string, records: readonly UserRecord[], offset: number): User {
    return joinedRecord(userId, records, this.#limits).state(offset, this.#limits);
  }

  /** The state of somebody who has done nothing up to the offset. */
  unknown(userId: string, offset: number): User {
    return new UserRecord(userId).state(offset, this.#limits);
  }

  /** The exact record, to measure filters against. */
  record(userId: string): UserRecord | undefined {
    return this.#users.get(userId);
  }

  /** Whether the fold holds the user's record. */
  has(userId: string): boolean {
    return this.#users.has(userId);
  }

  /** Ids of all users held, in the order in which they came. */
  ids(): Iterable<string> {
    return this.#users.keys();
  }

  /** One user's whole record as bytes, for `adopt`. */
  stored(userId: string): Buffer {
    return encodeRecord(this.#record(userId), this.#limits);
  }

  /** Holds a record from elsewhere: what `stored` wrote. */
  adopt(bytes: Uint8Array): void {
    const record = decodeRecord(bytes);
    this.#users.set(record.id, record);
  }

  /** Lets go of the records that came first, until `usersMax` are left: they are kept elsewhere. */
  shrink(usersMax: number): void {
    for (const userId of this.#users.keys()) {
      if (this.#users.size <= usersMax) return;
      this.#users.delete(userId);
    }
  }

  /**
   * The whole fold as bytes. `offset`: up to where it has gone. Others get their turn in between; no event may be applied before
   * it is done.
   */
  async serialise(offset: number): Promise<Uint8Array> {
    const users = this.#users.size;
    const heads: Uint8Array[] = [];
    const lengths = COLUMNS.map(() => new Uint32Array(users));
    for await (const [row, record] of this.#inTurns()) {
      heads.push(encodeHead(record));
      const own = record.columns(this.#limits);
      for (let c = 0; c < COLUMNS.length; c++) lengths[c][row] = own[COLUMNS[c].name].length;
    }
    const columns: ColumnArray[] = COLUMNS.map(({ array }, c) => new array(sum(lengths[c])));
    const ends = columns.map(() => 0);
    for await (const [, record] of this.#inTurns()) {
      const own = record.columns(this.#limits);
      for (let c = 0; c < COLUMNS.length; c++) {
        const values = own[COLUMNS[c].name];
        columns[c].set(values, ends[c]);
        ends[c] += values.length;
      }
    }
    const arrays: Record<string, ColumnArray> = {
      heads: new Uint8Array(Buffer.concat(heads)),
      headLengths: Uint32Array.from(heads, (head) => head.length),
    };
    for (const [c, { name }] of COLUMNS.entries()) {
      arrays[name] = columns[c];
      arrays[`${name}Lengths`] = lengths[c];
    }
    return packArrays(KIND, { offset, users, skipped: this.#skipped }, arrays);
  }

  /** What `serialise` wrote, and its offset. BUNDLE_DAMAGED, naming what is wrong with the bytes. */
  static read(
    bytes: Uint8Array,
    catalogue: Catalogue,
    limits: UserLimits,
  ): { fold: UserFold; offset: number } {
    const part = unpackArrays(bytes, KIND);
    const { offset, users, skipped } = part.meta(
      z.object({ offset: z.number(), users: z.number(), skipped: z.number() }),
    );
    const fold = new UserFold(catalogue, limits);
    fold.#skipped = skipped;
    const heads = slices(part.array('heads', 'u8'), part.array('headLengths', 'u32', users));
    const columns = COLUMNS.map(
      ({ name, type }) =>
        [name, slices(part.array(name, type), part.array(`${name}Lengths`, 'u32', users))] as const,
    );
    for (let i = 0; i < users; i++) {
      const { id, head } = decodeHead(heads[i]);
      const own = Object.fromEntries(
        columns.map(([name, values]) => [name, values[i]]),
      ) as unknown as UserColumns;
      fold.#users.set(id, UserRecord.restore(id, own, head));
    }
    return { fold, offset };
  }

  /** The records, a thousand at a time. */
  async *#inTurns(): AsyncIterable<[number, UserRecord]> {
    let row = 0;
    for (const record of this.#users.values()) {
      if (row % TURN_USERS === TURN_USERS - 1) await setImmediate();
      yield [row++, record];
    }
  }

  #record(userId: string): UserRecord {
    let record = this.#users.get(userId);
    if (record === undefined) {
      record = new UserRecord(userId);
      this.#users.set(userId, record);
    }
    return record;
  }
}

function sum(values: Uint32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Consecutive pieces of the lengths given. */
function slices<T extends ColumnArray>(whole: T, lengths: Uint32Array): T[] {
  let at = 0;
  return Array.from(lengths, (length) => {
    at += length;
    return whole.subarray(at - length, at) as T;
  });
}
