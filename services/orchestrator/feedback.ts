import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { asMillraceError, fieldError, MillraceError } from '../../common/errors.ts';
import { checkEventId } from '../../common/ids.ts';
import { checkFeedback, checkTime } from '../../common/log/check-feedback.ts';
import type { ExactNoise } from '../../common/privacy/exact-noise.ts';
import type { LocalField } from '../../common/privacy/local-field.ts';
import type { Pseudonyms } from '../../common/rights/pseudonyms.ts';
import { type Call, remainingMs, within } from '../../common/rpc/call.ts';
import type { FeaturesService, LoggingService } from '../../common/rpc/services.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import type {
  FeedbackEvent,
  RecordFeedbackResponse,
} from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import type { RecentUsers } from './recent-users.ts';
import type { Recorder } from './recorder.ts';
import type { Tokens } from './tokens.ts';

const EVENTS_MAX = 1_000;
/** Share of the caller's time that waiting for another service may take: the rest is for the answer. */
const WAIT_SHARE = 0.8;
/** How long the log may take to make feedback durable. */
const APPEND_TIMEOUT_MS = 2_000;
/** How long a hide waits for the features service to know of it. */
const HIDE_WAIT_MS = 1_000;

export interface FeedbackWorld {
  readonly catalogue: Catalogue;
  readonly tokens: Tokens;
  readonly pseudonyms: Pseudonyms;
  readonly recentUsers: RecentUsers;
  readonly recorder: Recorder;
  readonly logging: LoggingService;
  readonly features: FeaturesService;
  readonly nowMs: number;
  /** What is randomised before it is stored. */
  readonly localField: LocalField | undefined;
  readonly noise: ExactNoise;
  /** See `eventsSchema`. */
  readonly futureHoursMax: number;
  /** See `seenSecondsOf`. */
  readonly seenSeconds: Float64Array;
}

/**
 * Records feedback: durable on return. While the log is away, or does not answer well before the deadline, a call that holds
 * only impressions goes to the spool; any other one is refused with LOG_UNAVAILABLE, or DISK_FULL, and may be retried with the
 * same event ids. Items seen by it are out of the next answer; a hide also waits until the features service knows of it, so that
 * every replica does.
 */
export async function recordFeedback(
  events: readonly FeedbackEvent[],
  world: FeedbackWorld,
  call: Call,
): Promise<RecordFeedbackResponse> {
  if (events.length === 0 || events.length > EVENTS_MAX)
    throw fieldError('events', `${events.length} events; 1 to ${EVENTS_MAX} are allowed`);
  const records = events.map((event, i) => toRecord(event, `events[${i}]`, world));
  if (events.every(({ action }) => action === Action.ACTION_IMPRESSION) && world.recorder.spooling)
    return spooled(records, world);
  let appended: Awaited<ReturnType<LoggingService['append']>>;
  try {
    appended = await world.logging.append({ events: records }, waitingCall(call, APPEND_TIMEOUT_MS));
  } catch (thrown) {
    const error = asMillraceError(thrown);
    if (error.responsible === 'caller') throw error;
    if (events.every(({ action }) => action === Action.ACTION_IMPRESSION)) return spooled(records, world);
    if (error.reason === 'DISK_FULL') throw error;
    throw new MillraceError('LOG_UNAVAILABLE', `feedback was not recorded: ${error.message}`, {
      cause: error,
    });
  }
  let hiddenBefore = 0;
  for (const [i, { userId, itemId, action }] of events.entries()) {
    if (action === Action.ACTION_IMPRESSION || action === Action.ACTION_PREFER) continue;
    if (world.seenSeconds[action] === 0 && action !== Action.ACTION_HIDE) continue;
    world.recentUsers.acted(
      world.pseudonyms.lasting(userId),
      world.catalogue.ordinalEver(itemId) as number,
      appended.offsets[i],
    );
    if (action === Action.ACTION_HIDE) hiddenBefore = Math.max(hiddenBefore, appended.offsets[i] + 1);
  }
  if (hiddenBefore > 0) await untilKnown(records[0].feedback?.userId ?? '', hiddenBefore, world, call);
  return { duplicates: appended.duplicates };
}

async function spooled(records: Event[], { recorder }: FeedbackWorld): Promise<RecordFeedbackResponse> {
  await recorder.spool(records);
  return { duplicates: records.map(() => false) };
}

function waitingCall(call: Call, timeoutMs: number): Call {
  return within(call, Math.min(timeoutMs, WAIT_SHARE * remainingMs(call)));
}

/** While the features service is away `recentUsers` alone keeps the hide. */
async function untilKnown(
  userId: string,
  asOf: number,
  { features }: FeedbackWorld,
  call: Call,
): Promise<void> {
  const request = { userId, earlierIds: [], parts: [], asOf };
  await features.getUserState(request, waitingCall(call, HIDE_WAIT_MS)).catch(() => {});
}

function toRecord(given: FeedbackEvent, at: string, world: FeedbackWorld): Event {
  const { catalogue, tokens, nowMs, futureHoursMax } = world;
  checkEventId(given.eventId, `${at}.event_id`);
  checkFeedback(given, at);
  const event = world.localField?.randomised(given, at, world.noise) ?? given;
  const { eventId, userId, itemId, action, value, categories, context, attributionToken: token } = event;
  const timeMs = event.timeMs === 0 ? nowMs : event.timeMs;
  checkTime(timeMs, nowMs, futureHoursMax, `${at}.time_ms`);
  if (itemId !== '' && catalogue.ordinalEver(itemId) === undefined)
    throw fieldError(`${at}.item_id`, 'was never in the catalogue', 'ITEM_UNKNOWN');
  const shown =
    token === '' ? undefined : tokens.readAttribution(token, userId, itemId, `${at}.attribution_token`);
  return Event.fromPartial({
    eventId,
    timeMs,
    feedback: {
      userId: world.pseudonyms.at(userId, timeMs),
      itemId,
      action,
      categories,
      ...(value === undefined ? {} : { value }),
      ...(context === undefined ? {} : { context }),
      ...shown,
    },
  });
}
