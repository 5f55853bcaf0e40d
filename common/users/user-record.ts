import type { AttributeValue } from '../../gen/millrace/type/v1/type.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { createBloom } from '../bloom/engines.ts';
import { type BloomEngine, type BloomFilter, bloomShape } from '../bloom/filter.ts';
import { hash32 } from '../random.ts';
import { isPositive, type User } from '../user-state.ts';

export interface UserLimits {
  /** Latest events kept in the history, impressions left out. */
  readonly historyMax: number;
  /** Latest seen items that are carried exactly; older ones by a Bloom filter. */
  readonly seenExactMax: number;
  readonly bloomEngine: BloomEngine;
  /** Of the Bloom filter of older seen items. */
  readonly falsePositiveRate: number;
}

/** Columns of a record as they are stored. */
export interface UserColumns {
  readonly items: Uint32Array;
  readonly actions: Uint8Array;
  readonly values: Float32Array;
  readonly timesMs: Float64Array;
  /** Every item seen, in the order of first sight. */
  readonly seen: Uint32Array;
  /** 1 where the item at the same place in `seen` had a positive action. */
  readonly positive: Uint8Array;
  readonly hidden: Uint32Array;
}

const NAME_OF_ACTION = new Map(
  Object.entries(Action).map(([name, action]) => [
    action as number,
    name.slice('ACTION_'.length).toLowerCase(),
  ]),
);

/** One user's fold: exact lists that only grow, and the history's latest events. */
export class UserRecord {
  readonly id: string;
  profile: Readonly<Record<string, AttributeValue>> = {};
  readonly counters: Record<string, number> = {};
  #items: number[] = [];
  #actions: number[] = [];
  #values: number[] = [];
  #timesMs: number[] = [];
  #seen: number[] = [];
  #positive: number[] = [];
  #hidden: number[] = [];
  /** Place in `#seen` by ordinal; built when first needed. */
  #placeOf: Map<number, number> | undefined;
  #older: { filter: BloomFilter; keys: number } | undefined;

  constructor(id: string) {
    this.id = id;
  }

  /** Takes one event in log order, whatever its time. */
  add(ordinal: number, action: Action, value: number | undefined, timeMs: number, limits: UserLimits): void {
    const name = NAME_OF_ACTION.get(action) ?? 'unknown';
    this.counters[name] = (this.counters[name] ?? 0) + 1;
    if (action === Action.ACTION_IMPRESSION) return;
    this.#items.push(ordinal);
    this.#actions.push(action);
    this.#values.push(value ?? Number.NaN);
    this.#timesMs.push(timeMs);
    if (this.#items.length >= limits.historyMax * 2) this.#trim(limits.historyMax);
    this.#see(ordinal, isPositive(action));
    if (action === Action.ACTION_HIDE && !this.#hidden.includes(ordinal)) this.#hidden.push(ordinal);
  }

  /** Whether the item was seen, exactly. */
  hasSeen(ordinal: number): boolean {
    return this.#places().has(ordinal);
  }

  /** The state as others get it. */
  state(offset: number, limits: UserLimits): User {
    this.#trim(limits.historyMax);
    const exactFrom = Math.max(0, this.#seen.length - limits.seenExactMax);
    return {
      id: this.id,
      offset,
      profile: this.profile,
      items: Uint32Array.from(this.#items),
      actions: Uint8Array.from(this.#actions),
      values: Float32Array.from(this.#values),
      timesMs: Float64Array.from(this.#timesMs),
      positives: this.#positive.reduce((sum, positive) => sum + positive, 0),
      seen: Uint32Array.from(this.#seen.slice(exactFrom)).sort(),
      seenFilter: this.#olderThan(exactFrom, limits),
      hidden: Uint32Array.from(this.#hidden).sort(),
      counters: this.counters,
    };
  }

  columns(limits: UserLimits): UserColumns {
    this.#trim(limits.historyMax);
    return {
      items: Uint32Array.from(this.#items),
      actions: Uint8Array.from(this.#actions),
      values: Float32Array.from(this.#values),
      timesMs: Float64Array.from(this.#timesMs),
      seen: Uint32Array.from(this.#seen),
      positive: Uint8Array.from(this.#positive),
      hidden: Uint32Array.from(this.#hidden),
    };
  }

  /** The record that `columns` described. */
  static restore(
    id: string,
    columns: UserColumns,
    profile: UserRecord['profile'],
    counters: Record<string, number>,
  ): UserRecord {
    const record = new UserRecord(id);
    record.profile = profile;
    Object.assign(record.counters, counters);
    record.#items = Array.from(columns.items);
    record.#actions = Array.from(columns.actions);
    record.#values = Array.from(columns.values);
    record.#timesMs = Array.from(columns.timesMs);
    record.#seen = Array.from(columns.seen);
    record.#positive = Array.from(columns.positive);
    record.#hidden = Array.from(columns.hidden);
    return record;
  }

  #see(ordinal: number, positive: boolean): void {
    const places = this.#places();
    const place = places.get(ordinal);
    if (place === undefined) {
      places.set(ordinal, this.#seen.length);
      this.#seen.push(ordinal);
      this.#positive.push(positive ? 1 : 0);
    } else if (positive) this.#positive[place] = 1;
  }

  #places(): Map<number, number> {
    this.#placeOf ??= new Map(this.#seen.map((ordinal, place) => [ordinal, place]));
    return this.#placeOf;
  }

  #trim(historyMax: number): void {
    const surplus = this.#items.length - historyMax;
    if (surplus <= 0) return;
    this.#items = this.#items.slice(surplus);
    this.#actions = this.#actions.slice(surplus);
    this.#values = this.#values.slice(surplus);
    this.#timesMs = this.#timesMs.slice(surplus);
  }

  /** A filter of the first `count` seen items, sized for twice as many and extended until it is full. */
  #olderThan(count: number, limits: UserLimits): BloomFilter | undefined {
    if (count === 0) return undefined;
    if (this.#older === undefined || count > this.#older.keys) {
      const keys = count * 2;
      const filter = createBloom(
        limits.bloomEngine,
        bloomShape(keys, limits.falsePositiveRate),
        hash32(this.id),
      );
      this.#older = { filter, keys };
    }
    const { filter } = this.#older;
    for (let place = filter.added; place < count; place++) filter.add(this.#seen[place]);
    return filter;
  }
}
