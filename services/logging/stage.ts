import { fieldError, MillraceError } from '../../common/errors.ts';
import {
  LogFullError,
  LogOverloadedError,
  OffsetBeyondEndError,
  OffsetTruncatedError,
} from '../../common/log/errors.ts';
import { decodeEvent, encodeEvent, peekEvent } from '../../common/log/events.ts';
import type { SegmentLog } from '../../common/log/segment-log.ts';
import type {
  Event,
  EventKind,
  SubscribeRequest,
  SubscribeResponse,
} from '../../gen/millrace/logging/v1/logging.ts';
import { BATCH_DEFAULT } from './config.ts';
import { RecentOffsets } from './recent-offsets.ts';

/** Where one event of an append is, and whether it had been there before. */
interface Place {
  readonly offset: number;
  readonly duplicate: boolean;
}

/** Events over a segment log: each event id once, decisions by request id. */
export class EventLog {
  readonly #log: SegmentLog;
  readonly #ids: RecentOffsets;
  readonly #decisions: RecentOffsets;
  /** Events being written, by id. */
  readonly #inFlight = new Map<string, Promise<number>>();

  private constructor(log: SegmentLog, limits: { dedupEvents: number; decisionsMax: number }) {
    this.#log = log;
    this.#ids = new RecentOffsets(limits.dedupEvents);
    this.#decisions = new RecentOffsets(limits.decisionsMax);
  }

  /** Reads the tail of the log to know its latest ids and decisions. */
  static async open(
    log: SegmentLog,
    limits: { dedupEvents: number; decisionsMax: number },
  ): Promise<EventLog> {
    const events = new EventLog(log, limits);
    const remembered = Math.max(limits.dedupEvents, limits.decisionsMax);
    for (let at = Math.max(log.firstOffset, log.endOffset - remembered); at < log.endOffset; ) {
      const { offset, payloads } = await log.read(at);
      for (const [i, payload] of payloads.entries()) events.#remember(payload, offset + i);
      at = offset + payloads.length;
    }
    return events;
  }

  get endOffset(): number {
    return this.#log.endOffset;
  }

  /** Answers when all events are durable. One whose id is known or being written is not written again. */
  async append(events: readonly Event[]): Promise<Place[]> {
    const fresh: Event[] = [];
    const places: (Promise<Place> | Place | undefined)[] = [];
    const indexOfFresh = new Map<string, number>();
    for (const event of events) {
      const known = this.#ids.get(event.eventId);
      const inFlight = this.#inFlight.get(event.eventId);
      if (known !== undefined) places.push({ offset: known, duplicate: true });
      else if (inFlight !== undefined)
        places.push(handled(inFlight.then((offset) => ({ offset, duplicate: true }))));
      else {
        places.push(undefined);
        if (indexOfFresh.has(event.eventId)) continue;
        indexOfFresh.set(event.eventId, fresh.length);
        fresh.push(event);
      }
    }
    const first = fresh.length === 0 ? 0 : await this.#write(fresh);
    const seen = new Set<string>();
    return Promise.all(
      places.map((place, i) => {
        if (place !== undefined) return place;
        const { eventId } = events[i];
        const duplicate = seen.has(eventId);
        seen.add(eventId);
        return { offset: first + (indexOfFresh.get(eventId) as number), duplicate };
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

  async #write(fresh: readonly Event[]): Promise<number> {
    const payloads = fresh.map(encodeEvent);
    const writing = this.#log.append(payloads).catch((error) => {
      throw asLogFault(error);
    });
    for (const [i, { eventId }] of fresh.entries()) {
      this.#inFlight.set(eventId, handled(writing.then((first) => first + i)));
    }
    try {
      const first = await writing;
      for (const [i, payload] of payloads.entries()) this.#remember(payload, first + i);
      return first;
    } finally {
      for (const { eventId } of fresh) this.#inFlight.delete(eventId);
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
      if (wanted.size > 0 && !wanted.has(peekEvent(payload).kind)) continue;
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

/** What the segment log throws, as the error that callers see. */
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
