import { joinAggregates } from './aggregates.ts';
import { FRIEND_ITEMS_MAX, type UserColumns, type UserLimits, UserRecord } from './user-record.ts';

/**
 * One record, called `id`, of what a person did under several names; `records`: earliest first, none is changed. It is that of all events
 * under one name, if those of each record came after those of the one before, and on later days.
 */
export function joinedRecord(id: string, records: readonly UserRecord[], limits: UserLimits): UserRecord {
  return records.reduce((earlier, later) => joinedPair(id, earlier, later, limits), new UserRecord(id));
}

function joinedPair(id: string, earlier: UserRecord, later: UserRecord, limits: UserLimits): UserRecord {
  const [before, after] = [earlier.columns(limits), later.columns(limits)];
  const preferences = new Map(earlier.preferences);
  for (const [category, strength] of later.preferences) {
    preferences.delete(category);
    preferences.set(category, strength);
  }
  const columns: UserColumns = {
    items: chained(before.items, after.items),
    actions: chained(before.actions, after.actions),
    values: chained(before.values, after.values),
    timesMs: chained(before.timesMs, after.timesMs),
    ...joinedSeen(before, after),
    ...joinedShown(before, after, limits.impressionsMax),
    hidden: Uint32Array.from(new Set([...before.hidden, ...after.hidden])),
    aggregates: joinAggregates(before.aggregates, after.aggregates, limits.sessionGapMs),
    friendItems: chained(before.friendItems, after.friendItems).slice(-FRIEND_ITEMS_MAX),
  };
  const profile = Object.keys(later.profile).length > 0 ? later.profile : earlier.profile;
  const followers = new Set([...earlier.followers, ...later.followers]);
  return UserRecord.restore(id, columns, { profile, preferences, followers });
}

function joinedSeen(
  before: UserColumns,
  after: UserColumns,
): Pick<UserColumns, 'seen' | 'seenUntil' | 'positive'> {
  const places = new Map<number, number>();
  for (const { seen } of [before, after])
    for (const item of seen) if (!places.has(item)) places.set(item, places.size);
  const seenUntil = new Uint32Array(places.size);
  const positive = new Uint8Array(places.size);
  for (const columns of [before, after])
    for (const [row, item] of columns.seen.entries()) {
      const place = places.get(item) as number;
      seenUntil[place] = Math.max(seenUntil[place], columns.seenUntil[row]);
      positive[place] |= columns.positive[row];
    }
  return { seen: Uint32Array.from(places.keys()), seenUntil, positive };
}

function joinedShown(
  before: UserColumns,
  after: UserColumns,
  max: number,
): Pick<UserColumns, 'shownItems' | 'shownSeconds'> {
  if (max === 0) return { shownItems: after.shownItems, shownSeconds: after.shownSeconds };
  const acted = new Set(after.seen);
  const isLeft = (_: number, row: number): boolean => !acted.has(before.shownItems[row]);
  return {
    shownItems: chained(before.shownItems.filter(isLeft), after.shownItems).slice(-max),
    shownSeconds: chained(before.shownSeconds.filter(isLeft), after.shownSeconds).slice(-max),
  };
}

function chained<T extends Uint32Array | Uint8Array | Float32Array | Float64Array>(first: T, second: T): T {
  const whole = new (first.constructor as new (length: number) => T)(first.length + second.length);
  whole.set(first as never);
  whole.set(second as never, first.length);
  return whole;
}
