import { join } from 'node:path';
import { ACTION_BY_NAME } from '../../common/actions.ts';
import { fieldError, type MillraceError } from '../../common/errors.ts';
import { checkEventId } from '../../common/ids.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { contracts, type LoggingService } from '../../common/rpc/services.ts';
import { type Component, type Environment, served } from '../../common/service.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import type {
  AppendResponse,
  Event,
  Feedback,
  SubscribeRequest,
} from '../../gen/millrace/logging/v1/logging.ts';
import { EVENTS_MAX, loggingSchema } from './config.ts';
import { startRolling } from './rolling.ts';
import { EventLog } from './stage.ts';

const PAYLOADS = ['decision', 'feedback', 'catalogue', 'user'] as const;
const ACTIONS = new Set(ACTION_BY_NAME.values());

/** The logging service: the one owner of `$MILLRACE_HOME/log`. */
export async function createLogging({
  config: source,
  log,
}: Environment): Promise<Component & { implementation: LoggingService }> {
  const config = source.section('logging', loggingSchema);
  const segments = await SegmentLog.open(join(source.home, 'log'), {
    segmentBytesMax: config.segmentBytesMax,
  });
  const { bytesCut, recordsCut } = segments.recovered;
  metrics.logCutBytesTotal.inc(bytesCut);
  if (bytesCut > 0) log.warn({ bytesCut, recordsCut }, 'a torn tail of the log was cut');
  const events = await EventLog.open(segments, config);
  const rolling = startRolling(segments, source, log);
  let listener: (serving: boolean) => void = () => {};
  let serving = true;
  const changed = (now: boolean): void => {
    if (now === serving) return;
    serving = now;
    listener(now);
  };
  const implementation: LoggingService = {
    append: async (request) => {
      checkEvents(request.events);
      try {
        const response = await appended(events, request.events);
        changed(true);
        return response;
      } catch (error) {
        if ((error as MillraceError).reason === 'LOG_UNAVAILABLE') changed(false);
        throw error;
      }
    },
    subscribe: async function* (request, call) {
      checkSubscription(request);
      yield* events.subscribe(request, call.signal);
    },
    getDecision: async ({ requestId }) => {
      const { offset, event } = await events.decision(requestId);
      return { decision: event.decision, timeMs: event.timeMs, offset };
    },
  };
  return {
    implementation,
    services: [served(contracts.logging, implementation)],
    watchServing: (watcher) => {
      listener = watcher;
      listener(serving);
    },
    close: async () => {
      await rolling.stop();
      await segments.close();
    },
  };
}

async function appended(log: EventLog, events: readonly Event[]): Promise<AppendResponse> {
  const places = await log.append(events);
  for (const [i, { duplicate }] of places.entries())
    if (!duplicate) metrics.logAppendedTotal.inc({ kind: payloadOf(events[i]) });
  return {
    partition: 0,
    offsets: places.map(({ offset }) => offset),
    duplicates: places.map(({ duplicate }) => duplicate),
    endOffset: log.endOffset,
  };
}

function checkEvents(events: readonly Event[]): void {
  if (events.length === 0 || events.length > EVENTS_MAX)
    throw fieldError('events', `${events.length} events; 1 to ${EVENTS_MAX} are allowed`);
  for (const [i, event] of events.entries()) {
    checkEventId(event.eventId, `events[${i}].event_id`);
    if (!(Number.isSafeInteger(event.timeMs) && event.timeMs >= 0))
      throw fieldError(`events[${i}].time_ms`, `${event.timeMs} is no time since 1970`);
    const payloads = PAYLOADS.filter((name) => event[name] !== undefined);
    if (payloads.length !== 1)
      throw fieldError(
        `events[${i}].payload`,
        payloads.length === 0 ? 'is missing' : `${payloads.join(' and ')} are both set`,
      );
    if (event.feedback !== undefined) checkFeedback(event.feedback, `events[${i}].feedback`);
  }
}

function checkFeedback({ action, value }: Feedback, field: string): void {
  if (!ACTIONS.has(action)) throw fieldError(`${field}.action`, `${action} is no known action`);
  if (value !== undefined && !Number.isFinite(value))
    throw fieldError(`${field}.value`, `${value} is not finite`);
}

function checkSubscription({ offset, batchMax }: SubscribeRequest): void {
  if (!(Number.isSafeInteger(offset) && offset >= 0)) throw fieldError('offset', `${offset} is no offset`);
  if (batchMax > EVENTS_MAX) throw fieldError('batch_max', `${batchMax}; at most ${EVENTS_MAX}`);
}

function payloadOf(event: Event): string {
  return PAYLOADS.find((name) => event[name] !== undefined) as string;
}
