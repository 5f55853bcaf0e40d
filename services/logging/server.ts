import { systemClock } from '../../common/clock.ts';
import { asMillraceError, fieldError } from '../../common/errors.ts';
import { checkId } from '../../common/ids.ts';
import { eventsSchema } from '../../common/log/check-feedback.ts';
import { LocalLog } from '../../common/log/local-log.ts';
import { loggingSchema } from '../../common/log/log-config.ts';
import type { LogFiles } from '../../common/log/log-files.ts';
import { logFolder, openLog } from '../../common/log/open-log.ts';
import type { RecordLog } from '../../common/log/record-log.ts';
import { contracts, type LoggingService, type PrivacyService } from '../../common/rpc/services.ts';
import { type Component, type Environment, served } from '../../common/service.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import type { AppendResponse, Event, SubscribeRequest } from '../../gen/millrace/logging/v1/logging.ts';
import { checkedRecords, payloadName } from './check-events.ts';
import { EVENTS_MAX } from './config.ts';
import { Consumers } from './consumers.ts';
import { Forgetting } from './forgetting/forgetting.ts';
import { PrivateAnswers } from './privacy/answers.ts';
import { startRetention } from './retention.ts';
import { startRolling } from './rolling.ts';
import { EventLog } from './stage.ts';

/** The logging service: the one writer of the log. `files`: see `LogFiles`. */
export async function createLogging(
  { config: source, log }: Environment,
  options: { files?: LogFiles } = {},
): Promise<Component & { implementation: LoggingService; privacy: PrivacyService }> {
  const config = source.section('logging', loggingSchema);
  const { futureHoursMax } = source.section('events', eventsSchema);
  const records = await openLog(source, options);
  noteRecovery(records, log);
  const events = await EventLog.open(records, config);
  const consumers = await Consumers.open(logFolder(source));
  const retention = startRetention(records, consumers, config.retention, log);
  const forgetting = await Forgetting.open({ source, records, events, consumers, log });
  const rolling = startRolling(records, source, log, (offset) => consumers.commit('lake', offset));
  const privacy = new PrivateAnswers(source);
  const health = new Health();
  const implementation: LoggingService = {
    append: async ({ events: given }) => {
      const checked = checkedRecords(given, systemClock.nowMs(), futureHoursMax);
      try {
        const places = await forgetting.append(checked, given);
        health.set(true);
        return answer(given, places, events.endOffset);
      } catch (error) {
        if (asMillraceError(error).reason === 'LOG_UNAVAILABLE') health.set(false);
        throw error;
      }
    },
    subscribe: async function* (request, call) {
      checkSubscription(request);
      yield* events.subscribe(request, call.signal);
    },
    commit: async ({ consumer, offset }) => {
      checkOffset(offset);
      await consumers.commit(consumer, offset);
      return { firstOffset: records.firstOffset };
    },
    getDecision: async ({ requestId }) => {
      const { offset, event } = await events.decision(requestId);
      return { decision: event.decision, timeMs: event.timeMs, offset };
    },
    forgetUser: async ({ userId }) => ({ status: await forgetting.request(checkId(userId, 'user_id')) }),
    getForgetStatus: async ({ userId }) => ({
      statuses: forgetting.statuses(userId === '' ? undefined : checkId(userId, 'user_id')),
    }),
  };
  return {
    implementation,
    privacy,
    services: [served(contracts.logging, implementation), served(contracts.privacy, privacy)],
    watchServing: (watcher) => health.watch(watcher),
    close: async () => {
      await forgetting.stop();
      await privacy.close();
      await rolling.stop();
      await retention.stop();
      await records.close();
    },
  };
}

/** Whether the log can be written, and who wants to know. */
class Health {
  #serving = true;
  #listener: (serving: boolean) => void = () => {};

  watch(listener: (serving: boolean) => void): void {
    this.#listener = listener;
    listener(this.#serving);
  }

  set(serving: boolean): void {
    if (serving === this.#serving) return;
    this.#serving = serving;
    this.#listener(serving);
  }
}

function noteRecovery(records: RecordLog, log: Logger): void {
  if (!(records instanceof LocalLog)) return;
  const { bytesCut, recordsCut } = records.segments.recovered;
  metrics.logCutBytesTotal.inc(bytesCut);
  if (bytesCut > 0) log.warn({ bytesCut, recordsCut }, 'a torn tail of the log was cut');
}

function answer(
  events: readonly Event[],
  places: readonly { offset: number; duplicate: boolean }[],
  endOffset: number,
): AppendResponse {
  for (const [i, { duplicate }] of places.entries())
    if (!duplicate) metrics.logAppendedTotal.inc({ kind: payloadName(events[i]) });
  return {
    partition: 0,
    offsets: places.map(({ offset }) => offset),
    duplicates: places.map(({ duplicate }) => duplicate),
    endOffset,
  };
}

function checkSubscription({ offset, batchMax }: SubscribeRequest): void {
  checkOffset(offset);
  if (batchMax > EVENTS_MAX) throw fieldError('batch_max', `${batchMax}; at most ${EVENTS_MAX}`);
}

function checkOffset(offset: number): void {
  if (!(Number.isSafeInteger(offset) && offset >= 0)) throw fieldError('offset', `${offset} is no offset`);
}
