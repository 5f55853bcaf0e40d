import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Event, EventKind } from '../../gen/millrace/logging/v1/logging.ts';
import type { LogRecord, RecordReader } from './record-log.ts';

/** An event with its place in the log. */
export interface LoggedEvent {
  readonly offset: number;
  readonly event: Event;
}

/** What the head of an encoded event says, without decoding it. */
export interface EventHead {
  readonly eventId: string;
  readonly kind: EventKind;
  /** Of a decision; empty otherwise. */
  readonly requestId: string;
}

const EVENT_ID_FIELD = 1;
const KIND_OF_FIELD: ReadonlyMap<number, EventKind> = new Map([
  [3, EventKind.EVENT_KIND_DECISION],
  [4, EventKind.EVENT_KIND_FEEDBACK],
  [5, EventKind.EVENT_KIND_CATALOGUE],
  [6, EventKind.EVENT_KIND_USER],
  [7, EventKind.EVENT_KIND_FORGOTTEN],
]);
const REQUEST_ID_FIELD = 1;

/** The bytes that the log holds for an event: a millrace.logging.v1.Event. */
export function encodeEvent(event: Event): Uint8Array {
  return Event.encode(event).finish();
}

/** See `encodeEvent`. */
export function decodeEvent(bytes: Uint8Array): Event {
  return Event.decode(bytes);
}

/** Reads the head of an encoded event. */
export function peekEvent(bytes: Uint8Array): EventHead {
  const reader = new BinaryReader(bytes);
  const head = { eventId: '', kind: EventKind.EVENT_KIND_UNSPECIFIED as EventKind, requestId: '' };
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const kind = KIND_OF_FIELD.get(field);
    if (field === EVENT_ID_FIELD) head.eventId = reader.string();
    else if (kind !== undefined) {
      head.kind = kind;
      const payload = reader.bytes();
      if (kind === EventKind.EVENT_KIND_DECISION) head.requestId = peekRequestId(payload);
    } else reader.skip(wireType);
  }
  return head;
}

function peekRequestId(decision: Uint8Array): string {
  const reader = new BinaryReader(decision);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === REQUEST_ID_FIELD) return reader.string();
    reader.skip(wireType);
  }
  return '';
}

/**
 * The events of an open log from an offset on, up to its end when it is reached. Below the first one retained: from there. Erased
 * records are passed over.
 */
export async function* readEventsOf(log: RecordReader, fromOffset = 0): AsyncIterable<LoggedEvent> {
  for (let at = Math.max(fromOffset, log.firstOffset); at < log.endOffset; ) {
    const { offset, payloads } = await log.read(at);
    for (const [i, payload] of payloads.entries())
      if (payload.length > 0) yield { offset: offset + i, event: decodeEvent(payload) };
    at = offset + payloads.length;
  }
}

/** The event as a record of the log. */
export function recordOf(event: Event): LogRecord {
  const key =
    event.feedback?.userId ?? event.decision?.userId ?? event.user?.id ?? event.forgotten?.userId ?? '';
  return { id: event.eventId, key, payload: encodeEvent(event) };
}
