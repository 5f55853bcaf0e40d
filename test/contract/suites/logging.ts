import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Code } from '../../../common/errors.ts';
import { type Call, rootCall } from '../../../common/rpc/call.ts';
import { contracts, type LoggingService } from '../../../common/rpc/services.ts';
import { Event, EventKind, type RecordedEvent } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { expectRefusal, type Target } from '../target.ts';
import { call } from '../world.ts';
import { boundarySuite } from './boundary.ts';

/** Ids that no other run uses, since a log keeps what a suite writes. */
function fresh(count: number): string[] {
  return Array.from({ length: count }, () => `contract-${randomUUID()}`);
}

function feedback(eventId: string): Event {
  const timeMs = Date.UTC(2024, 0, 1);
  return Event.fromPartial({
    eventId,
    timeMs,
    feedback: { userId: 'contract', itemId: 'contract', action: Action.ACTION_CLICK },
  });
}

function decision(requestId: string): Event {
  return Event.fromPartial({
    eventId: `decision-${requestId}`,
    timeMs: Date.UTC(2024, 0, 1),
    decision: { requestId, userId: 'contract', shown: [{ itemId: 'contract', propensity: 0.5 }] },
  });
}

/** What a log does: each event once, in order, durable when acknowledged. It writes events of the user `contract`. */
export function loggingSuite(target: Target<LoggingService>): void {
  const { client } = target;
  const append = (events: Event[], asked: Call = call()) => client.append({ events }, asked);
  /** The first `count` events of the kinds from the offset on. */
  const read = async (offset: number, count: number, kinds: EventKind[] = []): Promise<RecordedEvent[]> => {
    const controller = new AbortController();
    const subscribing = rootCall({ signal: controller.signal, timeoutMs: 10_000 });
    const request = { consumer: 'contract', offset, kinds, batchMax: 7 };
    const got: RecordedEvent[] = [];
    for await (const { events } of client.subscribe(request, subscribing)) {
      expect(events.length).toBeLessThanOrEqual(7);
      got.push(...events);
      if (got.length >= count) break;
    }
    controller.abort();
    return got.slice(0, count);
  };

  describe(target.name, () => {
    test('offsets follow each other, and what is acknowledged can be read from them at once', async () => {
      const events = fresh(20).map(feedback);
      const { offsets, duplicates, endOffset } = await append(events);
      expect(duplicates).toEqual(events.map(() => false));
      expect(offsets).toEqual(events.map((_, i) => offsets[0] + i));
      expect(endOffset).toBeGreaterThan(offsets[19]);
      const recorded = await read(offsets[0], 20);
      expect(recorded.map(({ offset }) => offset)).toEqual(offsets);
      expect(recorded.map(({ event }) => event)).toEqual(events);
    });

    test('an event sent again is a duplicate with the offset of the first', async () => {
      const [a, b, c] = fresh(3).map(feedback);
      const { offsets: first } = await append([a, b]);
      const { offsets, duplicates } = await append([b, c, b]);
      expect(duplicates).toEqual([true, false, true]);
      expect(offsets).toEqual([first[1], offsets[1], first[1]]);
      expect(offsets[1]).toBeGreaterThan(first[1]);
      const twice = await append([...fresh(1), ...fresh(1)].map(feedback).flatMap((event) => [event, event]));
      expect(twice.duplicates).toEqual([false, true, false, true]);
    });

    test('a subscription gives the kinds wanted, from its offset on and live', async () => {
      const [before, request, after] = fresh(3);
      const { offsets } = await append([feedback(before), decision(request)]);
      const reading = read(offsets[0] + 1, 2, [EventKind.EVENT_KIND_DECISION]);
      const [later] = fresh(1);
      await append([feedback(after), decision(later)]);
      const ids = (await reading).map(({ event }) => event?.decision?.requestId);
      expect(ids).toEqual([request, later]);
    });

    test('a subscription says when it has caught up', async () => {
      const { offsets } = await append(fresh(1).map(feedback));
      const request = { consumer: 'contract', offset: offsets[0], kinds: [], batchMax: 0 };
      for await (const { nextOffset, endOffset } of client.subscribe(request, call())) {
        expect(nextOffset).toBeLessThanOrEqual(endOffset);
        if (nextOffset === endOffset) break;
      }
    });

    test('a decision is found by its request, an unknown one is NOT_FOUND', async () => {
      const [requestId] = fresh(1);
      const { offsets } = await append([decision(requestId)]);
      const found = await client.getDecision({ requestId }, call());
      expect(found).toMatchObject({ offset: offsets[0], timeMs: Date.UTC(2024, 0, 1) });
      expect(found.decision).toEqual(decision(requestId).decision);
      const unknown = client.getDecision({ requestId: `${requestId}-not` }, call());
      await expectRefusal(target, unknown, Code.NOT_FOUND, 'DECISION_UNKNOWN');
    });

    test.each<[string, (good: Event) => Event[]]>([
      ['no events', () => []],
      ['10,001 events', (good) => Array.from({ length: 10_001 }, () => good)],
      ['an empty event id', (good) => [good, feedback('')]],
      ['an event id of 129 bytes', (good) => [good, feedback('x'.repeat(129))]],
      ['no payload', (good) => [good, Event.fromPartial({ eventId: 'contract-empty', timeMs: 1 })]],
    ])('%s: refused, nothing of it is written, and the next call is served', async (_, eventsWith) => {
      const good = feedback(fresh(1)[0]);
      await expectRefusal(target, append(eventsWith(good)), Code.INVALID_ARGUMENT, 'FIELD_INVALID');
      expect((await append([good])).duplicates).toEqual([false]);
    });

    test('an offset beyond the end of the log is refused', async () => {
      const { endOffset } = await append(fresh(1).map(feedback));
      const beyond = read(endOffset + 1_000_000, 1);
      await expectRefusal(target, beyond, Code.INVALID_ARGUMENT, 'FIELD_INVALID');
    });

    boundarySuite(target, {
      contract: contracts.logging,
      method: 'append',
      ask: (asked) => append(fresh(1).map(feedback), asked),
    });
  });
}
