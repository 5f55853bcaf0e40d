import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import type { User as UserAttributes } from '../../gen/millrace/features/v1/features.ts';
import { UserState } from '../../gen/millrace/features/v1/features.ts';
import type { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { packArrays, unpackArrays } from '../arrays.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { User } from '../user-state.ts';
import { type UserColumns, type UserLimits, UserRecord } from './user-record.ts';

const KIND = 'users';
const TURN_USERS = 1_000;
const COLUMNS = [
  { name: 'items', type: 'u32', array: Uint32Array },
  { name: 'actions', type: 'u8', array: Uint8Array },
  { name: 'values', type: 'f32', array: Float32Array },
  { name: 'timesMs', type: 'f64', array: Float64Array },
  { name: 'seen', type: 'u32', array: Uint32Array },
  { name: 'positive', type: 'u8', array: Uint8Array },
  { name: 'hidden', type: 'u32', array: Uint32Array },
] as const;
type ColumnArray = Uint32Array | Uint8Array | Float32Array | Float64Array;

/**
 * Users' state as a fold of feedback and attributes in log order: an event that comes late takes its place in the log, not in
 * time. The same fold serves online and builds training data, so that both see the same state at the same offset.
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

  /** Users with an event or attributes. */
  get size(): number {
    return this.#users.size;
  }

  /** Feedback on items that the catalogue never had. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Applies feedback; answers the item's ordinal, undefined if the catalogue never had it. */
  feedback({ userId, itemId, action, value }: Feedback, timeMs: number): number | undefined {
    const ordinal = this.#catalogue.ordinalEver(itemId);
    if (ordinal === undefined) this.#skipped++;
    else this.#record(userId).add(ordinal, action, value, timeMs, this.#limits);
    return ordinal;
  }

  /** Replaces a user's attributes. */
  attributes({ id, attributes }: UserAttributes): void {
    this.#record(id).profile = attributes;
  }

  /** The user's state; `offset`: up to where the fold has gone. An unknown user has an empty one. */
  state(userId: string, offset: number): User {
    return (this.#users.get(userId) ?? new UserRecord(userId)).state(offset, this.#limits);
  }

  /** The exact record, to measure filters against. */
  record(userId: string): UserRecord | undefined {
    return this.#users.get(userId);
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
      const { id, profile, counters } = record;
      heads.push(UserState.encode(UserState.fromPartial({ userId: id, profile, counters })).finish());
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
      const { userId, profile, counters } = UserState.decode(heads[i]);
      const own = Object.fromEntries(
        columns.map(([name, values]) => [name, values[i]]),
      ) as unknown as UserColumns;
      fold.#users.set(userId, UserRecord.restore(userId, own, profile, counters));
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
