import { expect, test } from 'vitest';
import { Event, EventKind } from '../../gen/millrace/logging/v1/logging.ts';
import { encodeEvent, peekEvent } from './events.ts';

test.each([
  [
    { eventId: 'a', timeMs: 5, decision: { requestId: 'r', userId: 'u', sampleProbability: 0.5 } },
    { eventId: 'a', kind: EventKind.EVENT_KIND_DECISION, requestId: 'r' },
  ],
  [
    { eventId: 'b', timeMs: 5, decision: { userId: 'u' } },
    { eventId: 'b', kind: EventKind.EVENT_KIND_DECISION, requestId: '' },
  ],
  [
    { eventId: 'c', timeMs: 5, feedback: { userId: 'u', requestId: 'r' } },
    { eventId: 'c', kind: EventKind.EVENT_KIND_FEEDBACK, requestId: '' },
  ],
  [
    { eventId: 'd', catalogue: { epoch: 3 } },
    { eventId: 'd', kind: EventKind.EVENT_KIND_CATALOGUE, requestId: '' },
  ],
  [
    { eventId: 'é', user: { id: 'u' } },
    { eventId: 'é', kind: EventKind.EVENT_KIND_USER, requestId: '' },
  ],
])('the head of an encoded event says what the event says: %#', (fields, head) => {
  expect(peekEvent(encodeEvent(Event.fromPartial(fields)))).toEqual(head);
});
