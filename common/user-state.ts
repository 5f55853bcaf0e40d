import { UserState } from '../gen/millrace/features/v1/features.ts';
import { Action, type AttributeValue } from '../gen/millrace/type/v1/type.ts';
import { readBloom } from './bloom/engines.ts';
import type { BloomFilter } from './bloom/filter.ts';
import { bytesOf, f32Of, f64Of, u32Of } from './columns.ts';
import { fieldError } from './errors.ts';
import { initialAggregates } from './users/aggregates.ts';
import { FOR_EVER } from './users/seen-rules.ts';

/** A user's state as code sees it. The arrays of the history have one entry per event, oldest first. */
export interface User {
  readonly id: string;
  /** The log offset up to which the state is folded, exclusive. */
  readonly offset: number;
  readonly profile: Readonly<Record<string, AttributeValue>>;
  readonly items: Uint32Array;
  /** Values of `Action`. */
  readonly actions: Uint8Array;
  /** NaN where the event had none. */
  readonly values: Float32Array;
  /** Milliseconds since the Unix epoch. */
  readonly timesMs: Float64Array;
  /** Distinct items with a positive action, over the whole past. */
  readonly positives: number;
  /** Recently seen items, exact, ascending. */
  readonly seen: Uint32Array;
  /** Until when each of them is seen, seconds since the Unix epoch, exclusive; FOR_EVER. Undefined: all are for ever. */
  readonly seenUntil: Uint32Array | undefined;
  /** The seen items older than those. */
  readonly seenFilter: BloomFilter | undefined;
  /** Until when any item of the filter is seen, seconds since the Unix epoch, exclusive; FOR_EVER. */
  readonly seenFilterUntil: number;
  /** Items hidden by the user, exact, ascending. */
  readonly hidden: Uint32Array;
  /** By `AGGREGATE_INDEX`; NaN where missing. */
  readonly aggregates: Float64Array;
  /** Strength by category as the user stated it, the latest statement last; negative: an aversion. */
  readonly preferences: ReadonlyMap<string, number>;
  /** Items of friends' latest positive events since they are friends, oldest first. */
  readonly friendItems: Uint32Array;
  /** Items shown and not acted on since, oldest first, and when, seconds since the Unix epoch. Undefined: impressions are not kept. */
  readonly shown: { readonly items: Uint32Array; readonly seconds: Uint32Array } | undefined;
}

const VERSION = 2;
const NO_ORDINALS = new Uint32Array(0);

/** Somebody of whom nothing is known. */
export const anonymousUser: User = {
  id: '',
  offset: 0,
  profile: {},
  items: NO_ORDINALS,
  actions: new Uint8Array(0),
  values: new Float32Array(0),
  timesMs: new Float64Array(0),
  positives: 0,
  seen: NO_ORDINALS,
  seenUntil: undefined,
  seenFilter: undefined,
  seenFilterUntil: FOR_EVER,
  hidden: NO_ORDINALS,
  aggregates: initialAggregates,
  preferences: new Map(),
  friendItems: NO_ORDINALS,
  shown: { items: NO_ORDINALS, seconds: NO_ORDINALS },
};

/** What of `user.seen` is seen at the time, ascending. */
export function seenAt({ seen, seenUntil }: User, nowMs: number): Uint32Array {
  if (seenUntil === undefined) return seen;
  return seen.filter((_, place) => seenUntil[place] === FOR_EVER || seenUntil[place] * 1_000 > nowMs);
}

/** The filter of what was seen longer ago, if anything of it still is. */
export function seenFilterAt({ seenFilter, seenFilterUntil }: User, nowMs: number): BloomFilter | undefined {
  return seenFilterUntil === FOR_EVER || seenFilterUntil * 1_000 > nowMs ? seenFilter : undefined;
}

/** Actions by which a person shows interest; ratings count whatever their value. */
export function isPositive(action: Action): boolean {
  return POSITIVE[action] === 1;
}

const POSITIVE = new Uint8Array(256);
for (const action of [
  Action.ACTION_VIEW,
  Action.ACTION_CLICK,
  Action.ACTION_PURCHASE,
  Action.ACTION_RATING,
  Action.ACTION_WATCH,
  Action.ACTION_LIKE,
  Action.ACTION_COMMENT,
  Action.ACTION_SHARE,
  Action.ACTION_SUBSCRIBE,
]) {
  POSITIVE[action] = 1;
}

/** Decoded states by their bytes: in one process every stage gets the same bytes and decodes them once. */
const decodedStates = new WeakMap<Uint8Array, User>();

/** The user that `context.user_state` describes; empty bytes are the anonymous user. FIELD_INVALID if they are damaged. */
export function decodeUser(bytes: Uint8Array): User {
  if (bytes.length === 0) return anonymousUser;
  const known = decodedStates.get(bytes);
  if (known !== undefined) return known;
  const user = decode(bytes);
  decodedStates.set(bytes, user);
  return user;
}

function decode(bytes: Uint8Array): User {
  try {
    const state = UserState.decode(bytes);
    if (state.version !== VERSION) throw new Error(`version ${state.version}; this is version ${VERSION}`);
    const user: User = {
      id: state.userId,
      offset: state.offset,
      profile: state.profile,
      items: u32Of(state.historyItem),
      actions: Uint8Array.from(state.historyAction),
      values: f32Of(state.historyValue),
      timesMs: f64Of(state.historyTimeMs),
      positives: state.positives,
      seen: u32Of(state.seenItem),
      seenUntil: state.seenUntil.length === 0 ? undefined : u32Of(state.seenUntil),
      seenFilter: state.seenFilter.length === 0 ? undefined : readBloom(state.seenFilter),
      seenFilterUntil: state.seenFilterUntil === 0 ? FOR_EVER : state.seenFilterUntil,
      hidden: u32Of(state.hiddenItem),
      aggregates: aggregatesOf(state.aggregate),
      preferences: preferencesOf(state),
      friendItems: u32Of(state.friendItem),
      shown:
        state.shownItem === undefined
          ? undefined
          : { items: u32Of(state.shownItem), seconds: u32Of(state.shownSeconds) },
    };
    const events = user.items.length;
    if (user.actions.length !== events || user.values.length !== events || user.timesMs.length !== events) {
      throw new Error('history columns of unequal length');
    }
    if (user.seenUntil !== undefined && user.seenUntil.length !== user.seen.length)
      throw new Error('seen items and their times of unequal number');
    if (user.shown !== undefined && user.shown.items.length !== user.shown.seconds.length)
      throw new Error('shown items and their times of unequal number');
    return user;
  } catch (cause) {
    throw fieldError('context.user_state', (cause as Error).message);
  }
}

/** The aggregates known here; those that whoever wrote the bytes did not know are initial. */
export function aggregatesOf(bytes: Uint8Array): Float64Array {
  const aggregates = initialAggregates.slice();
  aggregates.set(f64Of(bytes).subarray(0, aggregates.length));
  return aggregates;
}

/** Strength by category, in the order of the message. */
export function preferencesOf({
  preferredCategory,
  preferenceStrength,
}: Pick<UserState, 'preferredCategory' | 'preferenceStrength'>): Map<string, number> {
  if (preferredCategory.length !== preferenceStrength.length)
    throw new Error('preferences of unequal length');
  return new Map(preferredCategory.map((category, i) => [category, preferenceStrength[i]]));
}

/** The bytes of a user's state. In this process they decode to the same object. */
export function encodeUser(user: User): Buffer {
  const bytes = Buffer.from(
    UserState.encode({
      version: VERSION,
      userId: user.id,
      offset: user.offset,
      profile: user.profile as Record<string, AttributeValue>,
      historyItem: bytesOf(user.items),
      historyAction: Buffer.from(user.actions),
      historyValue: bytesOf(user.values),
      historyTimeMs: bytesOf(user.timesMs),
      positives: user.positives,
      seenItem: bytesOf(user.seen),
      seenFilter: user.seenFilter === undefined ? Buffer.alloc(0) : Buffer.from(user.seenFilter.serialise()),
      seenUntil: user.seenUntil === undefined ? Buffer.alloc(0) : bytesOf(user.seenUntil),
      seenFilterUntil: user.seenFilterUntil === FOR_EVER ? 0 : user.seenFilterUntil,
      hiddenItem: bytesOf(user.hidden),
      aggregate: bytesOf(user.aggregates),
      preferredCategory: [...user.preferences.keys()],
      preferenceStrength: [...user.preferences.values()],
      friendItem: bytesOf(user.friendItems),
      shownItem: user.shown === undefined ? undefined : bytesOf(user.shown.items),
      shownSeconds: user.shown === undefined ? Buffer.alloc(0) : bytesOf(user.shown.seconds),
    }).finish(),
  );
  decodedStates.set(bytes, user);
  return bytes;
}
