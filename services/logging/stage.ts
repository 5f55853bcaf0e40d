import { fieldError, MillraceError } from '../../common/errors.ts';
import {
  LogFullError,
  LogOverloadedError,
  OffsetBeyondEndError,
  OffsetTruncatedError,
} from '../../common/log/errors.ts';
import { decodeEvent, peekEvent } from '../../common/log/events.ts';
import type { LogRecord, RecordLog, RecordPlace } from '../../common/log/record-log.ts';
import type {
  Event,
  EventKind,
  SubscribeRequest,
  SubscribeResponse,
} from '../../gen/millrace/logging/v1/logging.ts';
import { BATCH_DEFAULT } from './config.ts';
import { RecentOffsets } from './recent-offsets.ts';

/** Events over a log: each event id once, decisions by request id. */
export class EventLog {
  readonly #log: RecordLog;
  readonly #ids: RecentOffsets;
  readonly #decisions: RecentOffsets;
  /** Events being written, by id. */
  readonly #inFlight = new Map<string, Promise<number>>();
  /** One past the last record whose id is remembered. */
  #remembered = 0;
  /** Under way after a failure: the search for what of it is in the log. */
  #settling: Promise<void> | undefined;
  #isUnsure = false;

  private constructor(log: RecordLog, limits: { dedupEvents: number; decisionsMax: number }) {
    this.#log = log;
    this.#ids = new RecentOffsets(limits.dedupEvents);
    this.#decisions = new RecentOffsets(limits.decisionsMax);
  }

  /** Reads the tail of the log to know its latest ids and decisions. */
  static async open(
    log: RecordLog,
    limits: { dedupEvents: number; decisionsMax: number },
  ): Promise<EventLog> {
    const events = new EventLog(log, limits);
    const tail = Math.max(limits.dedupEvents, limits.decisionsMax);
    events.#remembered = Math.max(log.firstOffset, log.endOffset - tail);
    await events.#rememberTail();
    return events;
  }

  get endOffset(): number {
    return this.#log.endOffset;
  }

  /** Answers when all events are durable. One whose id is known or being written is not written again. */
  async append(records: readonly LogRecord[]): Promise<RecordPlace[]> {
    if (this.#isUnsure) await this.#settle();
    const fresh: LogRecord[] = [];
    const places: (Promise<RecordPlace> | RecordPlace | undefined)[] = [];
    const indexOfFresh = new Map<string, number>();
    for (const record of records) {
      const known = this.#ids.get(record.id);
      const inFlight = this.#inFlight.get(record.id);
      if (known !== undefined) places.push({ offset: known, duplicate: true });
      else if (inFlight !== undefined)
        places.push(handled(inFlight.then((offset) => ({ offset, duplicate: true }))));
      else {
        places.push(undefined);
        if (indexOfFresh.has(record.id)) continue;
        indexOfFresh.set(record.id, fresh.length);
        fresh.push(record);
      }
    }
    const written = fresh.length === 0 ? [] : await this.#write(fresh);
    const seen = new Set<string>();
    return Promise.all(
      places.map((place, i) => {
        if (place !== undefined) return place;
        const { id } = records[i];
        const { offset, duplicate } = written[indexOfFresh.get(id) as number];
        const again = seen.has(id);
        seen.add(id);
        return { offset, duplicate: duplicate || again };
      }),
    );
  }

  /** Batches of the kinds wanted from the offset on; an empty one says that the subscriber has caught up. */
  async *subscribe(
    { offset: from, kinds, batchMax }: SubscribeRequest,
    signal: AbortSignal,
  ): AsyncIterable<SubscribeResponse> {
    const wanted = new Set<EventKind>(kinds);
    const recordsMax = batchMax === 0 ? BATCH_DEFAULT : batchMax;
    try {
      let offset = from;
      for (;;) {
        const { payloads } = await this.#log.read(offset, { recordsMax });
        if (signal.aborted) return;
        yield this.#batch(offset, payloads, wanted);
        offset += payloads.length;
        if (payloads.length === 0) break;
      }
      for await (const batch of this.#log.follow(offset, { recordsMax, signal })) {
        yield this.#batch(batch.offset, batch.payloads, wanted);
      }
    } catch (error) {
      throw asLogFault(error);
    }
  }

  /** The decision event of a request; DECISION_UNKNOWN if it is not among the latest. */
  async decision(requestId: string): Promise<{ offset: number; event: Event }> {
    const offset = this.#decisions.get(requestId);
    if (offset !== undefined && offset >= this.#log.firstOffset) {
      const { payloads } = await this.#log.read(offset, { recordsMax: 1 }).catch((error) => {
        throw asLogFault(error);
      });
      const event = decodeEvent(payloads[0]);
      if (event.decision?.requestId === requestId) return { offset, event };
    }
    throw new MillraceError('DECISION_UNKNOWN', `no decision is recorded for request ${requestId}`);
  }

  async #write(fresh: readonly LogRecord[]): Promise<RecordPlace[]> {
    const writing = this.#log.append(fresh).catch((error) => {
      this.#isUnsure ||= this.#log.mayKeepRejected;
      throw asLogFault(error);
    });
    for (const [i, { id }] of fresh.entries())
      this.#inFlight.set(id, handled(writing.then((places) => places[i].offset)));
    try {
      const places = await writing;
      for (const [i, { payload }] of fresh.entries()) this.#remember(payload, places[i].offset);
      return places;
    } finally {
      for (const { id } of fresh) this.#inFlight.delete(id);
    }
  }

  /** After a failure that may have left records in the log: learns their ids, so that a retry counts once. */
  #settle(): Promise<void> {
    this.#settling ??= (async () => {
      try {
        this.#isUnsure = false;
        await this.#rememberTail();
      } catch (error) {
        this.#isUnsure = true;
        throw asLogFault(error);
      } finally {
        this.#settling = undefined;
      }
    })();
    return this.#settling;
  }

  /** Reads on from what is remembered to the log's end. */
  async #rememberTail(): Promise<void> {
    for (;;) {
      const at = Math.max(this.#remembered, this.#log.firstOffset);
      const { offset, payloads } = await this.#log.read(at);
      for (const [i, payload] of payloads.entries())
        if (payload.length > 0) this.#remember(payload, offset + i);
      this.#remembered = Math.max(this.#remembered, offset + payloads.length);
      if (payloads.length === 0) return;
    }
  }

  #remember(payload: Uint8Array, offset: number): void {
    const { eventId, requestId } = peekEvent(payload);
    this.#ids.add(eventId, offset);
    if (requestId !== '') this.#decisions.add(requestId, offset);
  }

  #batch(offset: number, payloads: Uint8Array[], wanted: ReadonlySet<EventKind>): SubscribeResponse {
    const events: SubscribeResponse['events'] = [];
    for (const [i, payload] of payloads.entries()) {
      if (payload.length === 0 || (wanted.size > 0 && !wanted.has(peekEvent(payload).kind))) continue;
      events.push({ offset: offset + i, event: decodeEvent(payload) });
    }
    return { events, nextOffset: offset + payloads.length, endOffset: this.#log.endOffset };
  }
}

/** The promise; a rejection that nobody waits for is not reported as unhandled. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** What the log throws, as the error that callers see. */
function asLogFault(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const { message } = error as Error;
  if (error instanceof LogFullError) return new MillraceError('DISK_FULL', message, { cause: error });
  if (error instanceof LogOverloadedError) return new MillraceError('OVERLOADED', message, { cause: error });
  if (error instanceof OffsetTruncatedError)
    return new MillraceError('OFFSET_TRUNCATED', message, { cause: error });
  if (error instanceof OffsetBeyondEndError) return fieldError('offset', message);
  return new MillraceError('LOG_UNAVAILABLE', message, { cause: error });
}
