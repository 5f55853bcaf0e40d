import { fieldError } from '../../common/errors.ts';
import { checkEventId, checkId } from '../../common/ids.ts';
import { checkFeedback, checkSize, checkTime } from '../../common/log/check-feedback.ts';
import { recordOf } from '../../common/log/events.ts';
import type { LogRecord } from '../../common/log/record-log.ts';
import type { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { EVENTS_MAX } from './config.ts';

const PAYLOADS = ['decision', 'feedback', 'catalogue', 'user'] as const;

/** The records of an Append. FIELD_INVALID, naming the field, where an event breaks a rule. */
export function checkedRecords(events: readonly Event[], nowMs: number, futureHoursMax: number): LogRecord[] {
  if (events.length === 0 || events.length > EVENTS_MAX)
    throw fieldError('events', `${events.length} events; 1 to ${EVENTS_MAX} are allowed`);
  return events.map((event, i) => {
    const at = `events[${i}]`;
    const { eventId, timeMs, feedback, user } = event;
    checkEventId(eventId, `${at}.event_id`);
    checkTime(timeMs, nowMs, futureHoursMax, `${at}.time_ms`);
    checkPayload(event, at);
    if (feedback !== undefined) {
      checkFeedback(feedback, `${at}.feedback`);
      if (!(feedback.propensity >= 0 && feedback.propensity <= 1))
        throw fieldError(`${at}.feedback.propensity`, `${feedback.propensity} is no probability`);
    }
    if (user !== undefined) checkId(user.id, `${at}.user.id`);
    const record = recordOf(event);
    checkSize(event, record.payload.length, at);
    return record;
  });
}

function checkPayload(event: Event, at: string): void {
  const payloads = PAYLOADS.filter((name) => event[name] !== undefined);
  if (payloads.length === 1) return;
  const fault = payloads.length === 0 ? 'is missing' : `${payloads.join(' and ')} are both set`;
  throw fieldError(`${at}.payload`, fault);
}

/** The name of what the event says. */
export function payloadName(event: Event): string {
  return PAYLOADS.find((name) => event[name] !== undefined) as string;
}
