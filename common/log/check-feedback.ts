import { z } from 'zod';
import type { Event, Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { ACTION_BY_NAME } from '../actions.ts';
import { fieldError } from '../errors.ts';
import { checkControl, checkId } from '../ids.ts';

/** What events may be, for every service that takes some: the section `events`. */
export const eventsSchema = z.strictObject({
  /** An event may lie so far ahead of our clock, as clocks differ and dates have zones; later ones are refused. */
  futureHoursMax: z.number().min(0).default(24),
});

const ACTIONS: ReadonlySet<number> = new Set(ACTION_BY_NAME.values());
const CATEGORIES_MAX = 100;
const CONTEXT_BYTES_MAX = 64;
/** An encoded event of people: feedback, a user's attributes. */
const EVENT_BYTES_MAX = 64 * 1024;
/** An encoded event that Millrace writes itself: a decision, a catalogue change. What NATS takes by default, less headers. */
const OWN_EVENT_BYTES_MAX = 1_000_000;
const CONTEXT = ['device', 'locale', 'surface', 'region'] as const;

/** What of feedback its sender says. */
type Stated = Pick<Feedback, 'userId' | 'itemId' | 'action' | 'value' | 'categories' | 'context'>;

/** Refuses feedback that breaks a rule with FIELD_INVALID, naming the field under `at`. */
export function checkFeedback(
  { userId, itemId, action, value, categories, context }: Stated,
  at: string,
): void {
  checkId(userId, `${at}.user_id`);
  if (!ACTIONS.has(action)) throw fieldError(`${at}.action`, `${action} is no known action`);
  if (action === Action.ACTION_PREFER) {
    if (itemId !== '')
      throw fieldError(`${at}.item_id`, 'a stated preference is for categories, not for an item');
    if (categories.length === 0 || categories.length > CATEGORIES_MAX)
      throw fieldError(`${at}.categories`, `${categories.length}; 1 to ${CATEGORIES_MAX} are allowed`);
    for (const [i, category] of categories.entries()) checkId(category, `${at}.categories[${i}]`);
  } else {
    checkId(itemId, `${at}.item_id`);
    if (categories.length > 0) throw fieldError(`${at}.categories`, 'are for stated preferences alone');
  }
  if (value !== undefined && !Number.isFinite(value))
    throw fieldError(`${at}.value`, `${value} is not finite`);
  for (const name of CONTEXT) {
    const text = context?.[name] ?? '';
    const bytes = Buffer.byteLength(text);
    if (bytes > CONTEXT_BYTES_MAX)
      throw fieldError(`${at}.context.${name}`, `${bytes} bytes; at most ${CONTEXT_BYTES_MAX}`);
    checkControl(text, `${at}.context.${name}`);
  }
}

/** Refuses a time before 1970 or more than `futureHoursMax` after `nowMs`. */
export function checkTime(timeMs: number, nowMs: number, futureHoursMax: number, field: string): void {
  if (!(Number.isSafeInteger(timeMs) && timeMs >= 0))
    throw fieldError(field, `${timeMs} is no time since 1970`);
  if (timeMs > nowMs + futureHoursMax * 3_600_000)
    throw fieldError(field, `${timeMs} is more than ${futureHoursMax} hours in the future`);
}

/** Refuses an event that is larger, encoded, than the log takes. */
export function checkSize(
  { feedback, user }: Pick<Event, 'feedback' | 'user'>,
  bytes: number,
  field: string,
): void {
  const bytesMax = feedback === undefined && user === undefined ? OWN_EVENT_BYTES_MAX : EVENT_BYTES_MAX;
  if (bytes > bytesMax) throw fieldError(field, `${bytes} bytes; at most ${bytesMax} are allowed`);
}
