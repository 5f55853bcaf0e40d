import type { AttributeValue } from '../../gen/millrace/type/v1/type.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { createBloom, readBloom } from '../bloom/engines.ts';
import { type BloomEngine, type BloomFilter, bloomShape } from '../bloom/filter.ts';
import { OrdinalSet } from '../ordinal-set.ts';
import { hash32 } from '../random.ts';
import { metrics } from '../telemetry/metrics.ts';
import { isPositive, type User } from '../user-state.ts';
import { AGGREGATE_INDEX, foldAggregates, initialAggregates } from './aggregates.ts';
import { withoutFriend } from './friends.ts';
import { FOR_EVER, seenUntil } from './seen-rules.ts';

export interface UserLimits {
  /** Latest events kept in the history, impressions left out. */
  readonly historyMax: number;
  /** Latest seen items that are carried exactly; older ones by a Bloom filter. */
  readonly seenExactMax: number;
  readonly bloomEngine: BloomEngine;
  /** Of the Bloom filter of older seen items. */
  readonly falsePositiveRate: number;
  /** A pause longer than this begins a session. */
  readonly sessionGapMs: number;
  /** See `seenSecondsOf`. */
  readonly seenSeconds: Float64Array;
  /** Latest impressions kept of items not acted on since; 0: none are. */
  readonly impressionsMax: number;
}

/** Columns of a record as they are stored. */
export interface UserColumns {
  readonly items: Uint32Array;
  readonly actions: Uint8Array;
  readonly values: Float32Array;
  readonly timesMs: Float64Array;
  /** Every item acted on, in the order of the first time. */
  readonly seen: Uint32Array;
  /** Until when each of them is seen, seconds since the Unix epoch, exclusive; NEVER, FOR_EVER. */
  readonly seenUntil: Uint32Array;
  /** 1 where the item at the same place in `seen` had a positive action. */
  readonly positive: Uint8Array;
  readonly hidden: Uint32Array;
  /** By `AGGREGATE_INDEX`. */
  readonly aggregates: Float64Array;
  /** Items shown and not acted on since, oldest first. */
  readonly shownItems: Uint32Array;
  /** When, seconds since the Unix epoch. */
  readonly shownSeconds: Uint32Array;
  /** Of friends' latest positive events, oldest first. */
  readonly friendItems: Uint32Array;
}

/** What a record holds beside its columns. */
export interface UserHead {
  readonly profile: Readonly<Record<string, AttributeValue>>;
  readonly preferences: ReadonlyMap<string, number>;
  readonly followers: Iterable<string>;
}

/** Categories with a stated preference; the one stated longest ago gives way. */
const PREFERENCES_MAX = 200;
export const FRIEND_ITEMS_MAX = 100;
/** Who has more followers than this is heard by the first of them only. */
const FOLLOWERS_MAX = 1_000;
const CAPACITY_MIN = 8;
/** Up to so many seen items are searched through one by one; beyond, by a table. */
const SCAN_MAX = 512;
const FILTER_KEYS_MIN = 64;

/** One user's fold: exact lists that only grow, and the history's latest events. */
export class UserRecord {
  readonly id: string;
  profile: Readonly<Record<string, AttributeValue>> = {};
  readonly #aggregates = initialAggregates.slice();
  readonly #preferences = new Map<string, number>();
  readonly #followers = new Set<string>();
  #friendItems = new Uint32Array(0);
  #items = new Uint32Array(0);
  #actions = new Uint8Array(0);
  #values = new Float32Array(0);
  #timesMs = new Float64Array(0);
  #eventCount = 0;
  #seen = new Uint32Array(0);
  #positive = new Uint8Array(0);
  #seenUntil = new Uint32Array(0);
  #seenCount = 0;
  /** Items acted on that are not seen for ever. */
  #passing = 0;
  #positives = 0;
  #hidden = new Uint32Array(0);
  /** Knows the place in `#seen`; only of those who have seen much. */
  #places: OrdinalSet | undefined;
  #older: OlderSeen | undefined;
  #shownItems = new Uint32Array(0);
  #shownSeconds = new Uint32Array(0);

  constructor(id: string) {
    this.id = id;
  }

  /** Takes one event in log order, whatever its time. */
  add(ordinal: number, action: Action, value: number | undefined, timeMs: number, limits: UserLimits): void {
    foldAggregates(this.#aggregates, action, value ?? Number.NaN, timeMs, limits.sessionGapMs);
    if (action === Action.ACTION_IMPRESSION) {
      this.#show(ordinal, timeMs, limits.impressionsMax);
      return;
    }
    if (this.#eventCount >= limits.historyMax * 2) this.#trim(limits.historyMax);
    if (this.#eventCount === this.#items.length) this.#growEvents(limits.historyMax * 2);
    const event = this.#eventCount++;
    this.#items[event] = ordinal;
    this.#actions[event] = action;
    this.#values[event] = value ?? Number.NaN;
    this.#timesMs[event] = timeMs;
    this.#see(ordinal, isPositive(action), seenUntil(action, timeMs, limits.seenSeconds));
    this.#take(ordinal);
    if (action === Action.ACTION_HIDE && !this.#hidden.includes(ordinal)) {
      this.#hidden = grown(this.#hidden, this.#hidden.length + 1);
      this.#hidden[this.#hidden.length - 1] = ordinal;
    }
  }

  /** Takes a statement of preference; a strength of 0 takes an earlier one back. */
  prefer(categories: readonly string[], strength: number, timeMs: number, limits: UserLimits): void {
    foldAggregates(this.#aggregates, Action.ACTION_PREFER, strength, timeMs, limits.sessionGapMs);
    for (const category of categories) {
      this.#preferences.delete(category);
      this.#preferences.set(category, Math.fround(strength));
    }
    for (const oldest of this.#preferences.keys()) {
      if (this.#preferences.size <= PREFERENCES_MAX) break;
      this.#preferences.delete(oldest);
    }
  }

  /** Strengths by category, the latest statement last; 0: taken back. */
  get preferences(): ReadonlyMap<string, number> {
    return this.#preferences;
  }

  /** Users who hear of this one's positive events. */
  get followers(): ReadonlySet<string> {
    return this.#followers;
  }

  follow(followerId: string): void {
    if (this.#followers.size < FOLLOWERS_MAX) this.#followers.add(followerId);
  }

  unfollow(followerId: string): void {
    this.#followers.delete(followerId);
  }

  /** Drops a friend, and all that was heard of friends: nobody knows any more what of it was this one's. */
  loseFriend(friendId: string): void {
    this.profile = withoutFriend(this.profile, friendId);
    this.#friendItems = new Uint32Array(0);
  }

  /** Takes the item of a friend's positive event. */
  hear(ordinal: number): void {
    const kept = this.#friendItems.subarray(Math.max(0, this.#friendItems.length - FRIEND_ITEMS_MAX + 1));
    this.#friendItems = grown(kept, kept.length + 1);
    this.#friendItems[kept.length] = ordinal;
  }

  /** Distinct items acted on. */
  get seenCount(): number {
    return this.#seenCount;
  }

  /** Whether the item was acted on, exactly. */
  hasSeen(ordinal: number): boolean {
    return this.#placeOf(ordinal) !== -1;
  }

  /** The state as others get it: later events do not change it. */
  state(offset: number, limits: UserLimits): User {
    const { items, actions, values, timesMs, hidden, aggregates, friendItems } = this.columns(limits);
    const { shownItems, shownSeconds } = this.columns(limits);
    const nowSeconds = Math.floor(aggregates[AGGREGATE_INDEX.latest_ms] / 1_000);
    const exactFrom = this.#exactFrom(limits.seenExactMax, nowSeconds);
    const older = this.#olderThan(exactFrom, nowSeconds, limits);
    return {
      id: this.id,
      offset,
      profile: this.profile,
      items: items.slice(),
      actions: actions.slice(),
      values: values.slice(),
      timesMs: timesMs.slice(),
      positives: this.#positives,
      ...this.#exactSeen(exactFrom, nowSeconds),
      seenFilter: older?.filter,
      seenFilterUntil: older?.untilSeconds ?? FOR_EVER,
      hidden: hidden.slice().sort(),
      aggregates: aggregates.slice(),
      preferences: new Map([...this.#preferences].filter(([, strength]) => strength !== 0)),
      friendItems: friendItems.slice(),
      shown:
        limits.impressionsMax === 0
          ? undefined
          : { items: shownItems.slice(), seconds: shownSeconds.slice() },
    };
  }

  /** Views of the record as it stands. */
  columns(limits: UserLimits): UserColumns {
    this.#trim(limits.historyMax);
    return {
      items: this.#items.subarray(0, this.#eventCount),
      actions: this.#actions.subarray(0, this.#eventCount),
      values: this.#values.subarray(0, this.#eventCount),
      timesMs: this.#timesMs.subarray(0, this.#eventCount),
      seen: this.#seen.subarray(0, this.#seenCount),
      seenUntil: this.#seenUntil.subarray(0, this.#seenCount),
      positive: this.#positive.subarray(0, this.#seenCount),
      hidden: this.#hidden,
      aggregates: this.#aggregates,
      shownItems: this.#shownItems,
      shownSeconds: this.#shownSeconds,
      friendItems: this.#friendItems,
    };
  }

  /** The record that `columns` described; copies them. */
  static restore(id: string, columns: UserColumns, head: UserHead): UserRecord {
    const record = new UserRecord(id);
    record.profile = head.profile;
    for (const [category, strength] of head.preferences) record.#preferences.set(category, strength);
    for (const follower of head.followers) record.#followers.add(follower);
    record.#aggregates.set(columns.aggregates);
    record.#friendItems = columns.friendItems.slice();
    record.#items = columns.items.slice();
    record.#actions = columns.actions.slice();
    record.#values = columns.values.slice();
    record.#timesMs = columns.timesMs.slice();
    record.#eventCount = columns.items.length;
    record.#seen = columns.seen.slice();
    record.#positive = columns.positive.slice();
    record.#seenUntil = columns.seenUntil.slice();
    record.#seenCount = columns.seen.length;
    for (const until of columns.seenUntil) if (until !== FOR_EVER) record.#passing++;
    record.#shownItems = columns.shownItems.slice();
    record.#shownSeconds = columns.shownSeconds.slice();
    for (const positive of columns.positive) record.#positives += positive;
    record.#hidden = columns.hidden.slice();
    return record;
  }

  #see(ordinal: number, positive: boolean, until: number): void {
    let place = this.#placeOf(ordinal);
    if (place === -1) {
      place = this.#seenCount++;
      if (place === this.#seen.length) {
        const capacity = Math.max(CAPACITY_MIN, place * 2);
        this.#seen = grown(this.#seen, capacity);
        this.#seenUntil = grown(this.#seenUntil, capacity);
        this.#positive = grown(this.#positive, capacity);
      }
      this.#seen[place] = ordinal;
      this.#places?.add(ordinal);
      this.#passing++;
    }
    this.#extend(place, until);
    if (positive && this.#positive[place] === 0) {
      this.#positive[place] = 1;
      this.#positives++;
    }
  }

  /** The item is seen until then, or longer if it was. */
  #extend(place: number, until: number): void {
    if (until <= this.#seenUntil[place]) return;
    this.#seenUntil[place] = until;
    if (until === FOR_EVER) this.#passing--;
    if (this.#older !== undefined && place < this.#older.places) this.#older = undefined;
  }

  #show(ordinal: number, timeMs: number, max: number): void {
    if (max === 0) return;
    const from = Math.max(0, this.#shownItems.length - max + 1);
    const kept = this.#shownItems.length - from;
    this.#shownItems = grown(this.#shownItems.subarray(from), kept + 1);
    this.#shownSeconds = grown(this.#shownSeconds.subarray(from), kept + 1);
    this.#shownItems[kept] = ordinal;
    this.#shownSeconds[kept] = Math.floor(timeMs / 1_000);
  }

  /** What is taken up was not shown in vain. */
  #take(ordinal: number): void {
    if (!this.#shownItems.includes(ordinal)) return;
    const items = this.#shownItems;
    this.#shownSeconds = this.#shownSeconds.filter((_, place) => items[place] !== ordinal);
    this.#shownItems = items.filter((item) => item !== ordinal);
  }

  /** Place in `#seen`; -1 if the item was not seen. */
  #placeOf(ordinal: number): number {
    if (this.#seenCount <= SCAN_MAX) {
      const place = this.#seen.indexOf(ordinal);
      return place < this.#seenCount ? place : -1;
    }
    if (this.#places === undefined) {
      this.#places = new OrdinalSet();
      this.#places.addAll(this.#seen.subarray(0, this.#seenCount));
    }
    return this.#places.indexOf(ordinal);
  }

  #growEvents(max: number): void {
    const capacity = Math.min(max, Math.max(CAPACITY_MIN, this.#eventCount * 2));
    this.#items = grown(this.#items, capacity);
    this.#actions = grown(this.#actions, capacity);
    this.#values = grown(this.#values, capacity);
    this.#timesMs = grown(this.#timesMs, capacity);
  }

  #trim(historyMax: number): void {
    const surplus = this.#eventCount - historyMax;
    if (surplus <= 0) return;
    this.#items.copyWithin(0, surplus, this.#eventCount);
    this.#actions.copyWithin(0, surplus, this.#eventCount);
    this.#values.copyWithin(0, surplus, this.#eventCount);
    this.#timesMs.copyWithin(0, surplus, this.#eventCount);
    this.#eventCount = historyMax;
  }

  #isSeen(place: number, nowSeconds: number): boolean {
    const until = this.#seenUntil[place];
    return until === FOR_EVER || until > nowSeconds;
  }

  /** The place from which on what is seen is `max` items, or all. */
  #exactFrom(max: number, nowSeconds: number): number {
    if (this.#passing === 0) return Math.max(0, this.#seenCount - max);
    let from = this.#seenCount;
    for (let left = max; from > 0; from--)
      if (this.#isSeen(from - 1, nowSeconds) && left-- === 0) return from;
    return from;
  }

  /** What is seen of the items from a place on, ascending. */
  #exactSeen(from: number, nowSeconds: number): Pick<User, 'seen' | 'seenUntil'> {
    const seen = this.#seen.subarray(from, this.#seenCount);
    if (this.#passing === 0) return { seen: seen.slice().sort(), seenUntil: undefined };
    const places: number[] = [];
    for (let place = from; place < this.#seenCount; place++)
      if (this.#isSeen(place, nowSeconds)) places.push(place);
    places.sort((a, b) => this.#seen[a] - this.#seen[b]);
    return {
      seen: Uint32Array.from(places, (place) => this.#seen[place]),
      seenUntil: Uint32Array.from(places, (place) => this.#seenUntil[place]),
    };
  }

  /**
   * A filter of what is seen of the items before a place. Its size and content follow from them alone, so that it is the same
   * however often and wherever it is made. It only grows until one of its items is no longer seen, and is then made anew.
   */
  #olderThan(places: number, nowSeconds: number, limits: UserLimits): OlderSeen | undefined {
    let count = 0;
    if (this.#passing === 0) count = places;
    else for (let place = 0; place < places; place++) if (this.#isSeen(place, nowSeconds)) count++;
    if (count === 0) return undefined;
    let older = this.#older;
    if (
      older === undefined ||
      count > older.keys ||
      places < older.places ||
      nowSeconds >= older.firstSeconds
    ) {
      if (older !== undefined) metrics.bloomRebuiltTotal.inc({ filter: 'seen' });
      const keys = Math.max(FILTER_KEYS_MIN, 2 ** Math.ceil(Math.log2(count)));
      const shape = bloomShape(keys, limits.falsePositiveRate);
      const filter = createBloom(limits.bloomEngine, shape, hash32(this.id));
      older = { filter, keys, places: 0, firstSeconds: FOR_EVER, untilSeconds: 0 };
      this.#older = older;
    }
    for (; older.places < places; older.places++) {
      if (!this.#isSeen(older.places, nowSeconds)) continue;
      const until = this.#seenUntil[older.places];
      older.filter.add(this.#seen[older.places]);
      older.firstSeconds = Math.min(older.firstSeconds, until);
      older.untilSeconds = Math.max(older.untilSeconds, until);
    }
    return { ...older, filter: readBloom(older.filter.serialise()) };
  }
}

/** The filter of what was seen long ago. */
interface OlderSeen {
  readonly filter: BloomFilter;
  /** That it is sized for. */
  readonly keys: number;
  /** It holds what is seen of the items before this place. */
  places: number;
  /** When the first of its items is no longer seen. */
  firstSeconds: number;
  /** When the last one is. */
  untilSeconds: number;
}

/** The array with room for `length` elements. */
function grown<T extends Uint32Array | Uint8Array | Float32Array | Float64Array>(
  array: T,
  length: number,
): T {
  const larger = new (array.constructor as new (length: number) => T)(length);
  larger.set(array as never);
  return larger;
}
