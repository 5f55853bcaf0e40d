import { createHash } from 'node:crypto';
import { decodeEvent, recordOf } from '../../../common/log/events.ts';
import type { LogRecord, RecordReader } from '../../../common/log/record-log.ts';
import { namesFriend, withoutFriend } from '../../../common/users/friends.ts';
import type { User } from '../../../gen/millrace/features/v1/features.ts';
import { Event, type UserForgotten } from '../../../gen/millrace/logging/v1/logging.ts';

/** What the log holds of a person. */
export interface Traces {
  /** Records about them, or that name them as a friend; their being forgotten aside. */
  readonly offsets: readonly number[];
  /** Records that say that they are forgotten. */
  readonly announcements: readonly number[];
  /** Attributes of others, as they are now but for the friend. */
  readonly unfriended: readonly User[];
}

/** Looks through the log up to an offset, exclusive, or to its end. */
export async function tracesOf(
  userId: string,
  log: RecordReader,
  untilOffset = Number.POSITIVE_INFINITY,
): Promise<Traces> {
  const bytes = Buffer.from(userId);
  const offsets: number[] = [];
  const announcements: number[] = [];
  /** Attributes of those who have named the person, by id: the latest. */
  const naming = new Map<string, User>();
  for (let at = log.firstOffset; at < Math.min(untilOffset, log.endOffset); ) {
    const { payloads } = await log.read(at);
    for (const [i, payload] of payloads.entries()) {
      const offset = at + i;
      if (offset >= untilOffset || payload.length === 0) continue;
      const names = Buffer.from(payload.buffer, payload.byteOffset, payload.length).includes(bytes);
      if (!names && naming.size === 0) continue;
      const { feedback, decision, user, forgotten } = decodeEvent(payload);
      if (user !== undefined && user.id !== userId) {
        const isNaming = namesFriend(user.attributes, userId);
        if (isNaming) offsets.push(offset);
        if (isNaming || naming.has(user.id)) naming.set(user.id, user);
      } else if (forgotten?.userId === userId) announcements.push(offset);
      else if ((feedback?.userId ?? decision?.userId ?? user?.id) === userId) offsets.push(offset);
    }
    at += payloads.length;
  }
  const unfriended = [...naming.values()]
    .filter(({ attributes }) => namesFriend(attributes, userId))
    .map((user) => ({ ...user, attributes: withoutFriend(user.attributes, userId) }));
  return { offsets, announcements, unfriended };
}

/** The record that says that a person is forgotten; `turn` tells several of one request apart. */
export function announcement(
  requestId: string,
  turn: number,
  forgotten: UserForgotten,
  timeMs: number,
): LogRecord {
  return recordOf(Event.fromPartial({ eventId: `forget:${requestId}:${turn}`, timeMs, forgotten }));
}

/** The record of a user's attributes without a forgotten friend. */
export function unfriending(requestId: string, user: User, timeMs: number): LogRecord {
  const name = createHash('sha256').update(user.id).digest('hex').slice(0, 24);
  return recordOf(Event.fromPartial({ eventId: `forget:${requestId}:${name}`, timeMs, user }));
}
