import { UserState } from '../gen/millrace/features/v1/features.ts';
import { Action, type AttributeValue } from '../gen/millrace/type/v1/type.ts';
import { readBloom } from './bloom/engines.ts';
import type { BloomFilter } from './bloom/filter.ts';
import { bytesOf, f32Of, f64Of, u32Of } from './columns.ts';
import { fieldError } from './errors.ts';
import { initialAggregates } from './users/aggregates.ts';

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
  /** The seen items older than those. */
  readonly seenFilter: BloomFilter | undefined;
  /** Items hidden by the user, exact, ascending. */
  readonly hidden: Uint32Array;
  /** By `AGGREGATE_INDEX`; NaN where missing. */
  readonly aggregates: Float64Array;
  /** Strength by category as the user stated it, the latest statement last; negative: an aversion. */
  readonly preferences: ReadonlyMap<string, number>;
  /** Items of friends' latest positive events since they are friends, oldest first. */
  readonly friendItems: Uint32Array;
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
  seenFilter: undefined,
  hidden: NO_ORDINALS,
  aggregates: initialAggregates,
  preferences: new Map(),
  friendItems: NO_ORDINALS,
};

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
      seenFilter: state.seenFilter.length === 0 ? undefined : readBloom(state.seenFilter),
      hidden: u32Of(state.hiddenItem),
      aggregates: aggregatesOf(state.aggregate),
      preferences: preferencesOf(state),
      friendItems: u32Of(state.friendItem),
    };
    const events = user.items.length;
    if (user.actions.length !== events || user.values.length !== events || user.timesMs.length !== events) {
      throw new Error('history columns of unequal length');
    }
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
      hiddenItem: bytesOf(user.hidden),
      aggregate: bytesOf(user.aggregates),
      preferredCategory: [...user.preferences.keys()],
      preferenceStrength: [...user.preferences.values()],
      friendItem: bytesOf(user.friendItems),
    }).finish(),
  );
  decodedStates.set(bytes, user);
  return bytes;
}
