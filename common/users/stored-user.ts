import { UserState } from '../../gen/millrace/features/v1/features.ts';
import { StoredUser } from '../../gen/millrace/features/v1/stored_user.ts';
import { bytesOf, f32Of, f64Of, u32Of } from '../columns.ts';
import { aggregatesOf, preferencesOf } from '../user-state.ts';
import { type UserHead, type UserLimits, UserRecord } from './user-record.ts';

/** What a record holds beside its columns, as bytes. */
export function encodeHead(record: UserRecord): Uint8Array {
  return StoredUser.encode({ ...StoredUser.fromPartial({}), ...headOf(record) }).finish();
}

/** What `encodeHead` wrote. */
export function decodeHead(bytes: Uint8Array): { id: string; head: UserHead } {
  return readHead(StoredUser.decode(bytes));
}

/** A whole record as bytes: the same record always gives the same ones. */
export function encodeRecord(record: UserRecord, limits: UserLimits): Buffer {
  const columns = record.columns(limits);
  const { state, follower } = headOf(record);
  const stored = StoredUser.fromPartial({ follower });
  stored.state = {
    ...state,
    historyItem: bytesOf(columns.items),
    historyAction: Buffer.from(columns.actions),
    historyValue: bytesOf(columns.values),
    historyTimeMs: bytesOf(columns.timesMs),
    hiddenItem: bytesOf(columns.hidden),
    aggregate: bytesOf(columns.aggregates),
    friendItem: bytesOf(columns.friendItems),
  };
  stored.seenItem = bytesOf(columns.seen);
  stored.seenUntil = bytesOf(columns.seenUntil);
  stored.shownItem = bytesOf(columns.shownItems);
  stored.shownSeconds = bytesOf(columns.shownSeconds);
  stored.seenPositive = Buffer.from(columns.positive);
  return Buffer.from(StoredUser.encode(stored).finish());
}

/** The record that `encodeRecord` wrote. */
export function decodeRecord(bytes: Uint8Array): UserRecord {
  const stored = StoredUser.decode(bytes);
  const { id, head } = readHead(stored);
  const state = stored.state as UserState;
  const columns = {
    items: u32Of(state.historyItem),
    actions: Uint8Array.from(state.historyAction),
    values: f32Of(state.historyValue),
    timesMs: f64Of(state.historyTimeMs),
    seen: u32Of(stored.seenItem),
    seenUntil: u32Of(stored.seenUntil),
    positive: Uint8Array.from(stored.seenPositive),
    shownItems: u32Of(stored.shownItem),
    shownSeconds: u32Of(stored.shownSeconds),
    hidden: u32Of(state.hiddenItem),
    aggregates: aggregatesOf(state.aggregate),
    friendItems: u32Of(state.friendItem),
  };
  return UserRecord.restore(id, columns, head);
}

function headOf({ id, profile, preferences, followers }: UserRecord): {
  state: UserState;
  follower: string[];
} {
  const state = UserState.fromPartial({ userId: id });
  state.profile = profile;
  state.preferredCategory = [...preferences.keys()];
  state.preferenceStrength = [...preferences.values()];
  return { state, follower: [...followers] };
}

function readHead({ state, follower }: StoredUser): { id: string; head: UserHead } {
  if (state === undefined) throw new Error('a user without state');
  const { userId: id, profile } = state;
  return { id, head: { profile, preferences: preferencesOf(state), followers: follower } };
}
