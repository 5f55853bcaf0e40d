import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pause } from '../../common/clock.ts';
import { consume } from '../../common/log/consume.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import {
  Event,
  EventKind,
  type Feedback,
  type RecordedEvent,
  SubscribeRequest,
} from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { NATS, TestServer } from '../../test/support/servers.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { click, decision } from './fixtures/events.ts';
import { openLogging } from './fixtures/open.ts';

function preference(fields: { itemId?: string; categories?: string[] }): Event {
  return Event.fromPartial({
    eventId: 'a',
    timeMs: 1,
    feedback: { userId: 'u', action: Action.ACTION_PREFER, ...fields },
  });
}

/** How long NATS is gone, milliseconds. */
const OUTAGE_MS = Number(process.env.MILLRACE_OUTAGE_MS ?? 1_000);
const call = () => rootCall({ timeoutMs: 20_000 });

describe.each(['memory', 'socket'] as const)('over %s', (transport) => {
  test('an event counts once: again, twice in one call, at the same time, and after a restart', async () => {
    await using folder = await temporaryHome();
    {
      await using opened = await openLogging(folder.home, transport);
      const first = await opened.logging.append({ events: [click('a'), click('b'), click('a')] }, call());
      expect([first.offsets, first.duplicates, first.endOffset]).toEqual([
        [0, 1, 0],
        [false, false, true],
        2,
      ]);
      const both = await Promise.all(
        [1, 2].map(() => opened.logging.append({ events: [click('c')] }, call())),
      );
      expect(both.map(({ offsets }) => offsets)).toEqual([[2], [2]]);
      expect(both.map(({ duplicates }) => duplicates[0]).sort()).toEqual([false, true]);
    }
    await using reopened = await openLogging(folder.home, transport);
    const again = await reopened.logging.append({ events: [click('b'), click('e')] }, call());
    expect([again.offsets, again.duplicates]).toEqual([
      [1, 3],
      [true, false],
    ]);
  });

  test('a subscription gives wanted kinds from an offset, says when it has caught up, and goes on live', async () => {
    await using folder = await temporaryHome();
    await using opened = await openLogging(folder.home, transport);
    await opened.logging.append({ events: [click('a'), decision('r1'), click('b')] }, call());
    const kinds = [EventKind.EVENT_KIND_FEEDBACK];
    const request = SubscribeRequest.fromPartial({ consumer: 't', offset: 1, kinds });
    const got: string[] = [];
    let caughtUp = false;
    for await (const { events, nextOffset, endOffset } of opened.logging.subscribe(request, call())) {
      got.push(...events.map(({ offset, event }) => `${offset}:${event?.eventId}`));
      if (!caughtUp && nextOffset === endOffset) {
        caughtUp = true;
        void opened.logging.append({ events: [decision('r2'), click('c')] }, call());
      }
      if (got.length === 2) break;
    }
    expect(got).toEqual(['2:b', '4:c']);
  });

  test('a batch in which nothing is wanted still moves the subscriber on; in an empty log the first batch is empty', async () => {
    await using folder = await temporaryHome();
    await using opened = await openLogging(folder.home, transport);
    const kinds = [EventKind.EVENT_KIND_USER];
    const batches = opened.logging
      .subscribe(SubscribeRequest.fromPartial({ kinds }), call())
      [Symbol.asyncIterator]();
    expect((await batches.next()).value).toEqual({ events: [], nextOffset: 0, endOffset: 0 });
    await opened.logging.append({ events: [click('a'), decision('r1')] }, call());
    expect((await batches.next()).value).toEqual({ events: [], nextOffset: 2, endOffset: 2 });
    await batches.return?.();
  });

  test('a subscription ends when its subscriber leaves', async () => {
    await using folder = await temporaryHome();
    await using opened = await openLogging(folder.home, transport);
    const leaving = new AbortController();
    const subscription = opened.logging.subscribe(
      SubscribeRequest.fromPartial({}),
      rootCall({ signal: leaving.signal }),
    );
    let batches = 0;
    try {
      for await (const _ of subscription) {
        batches++;
        leaving.abort();
      }
    } catch (error) {
      expect(error).toMatchObject({ reason: 'CANCELLED' });
    }
    expect(batches).toBe(1);
  });

  test('decisions are found by request id, also after a restart', async () => {
    await using folder = await temporaryHome();
    {
      await using opened = await openLogging(folder.home, transport);
      await opened.logging.append({ events: [click('a'), decision('r1')] }, call());
    }
    await using opened = await openLogging(folder.home, transport);
    const found = await opened.logging.getDecision({ requestId: 'r1' }, call());
    expect(found).toMatchObject({ offset: 1, timeMs: 2, decision: { userId: 'u' } });
    await expect(opened.logging.getDecision({ requestId: 'r9' }, call())).rejects.toMatchObject({
      reason: 'DECISION_UNKNOWN',
    });
  });

  test.each([
    ['no events', [], 'events'],
    ['10,001 events', Array.from({ length: 10_001 }, (_, i) => click(`${i}`)), 'events'],
    ['an empty id', [click('')], 'events[0].event_id'],
    ['a long id', [click('é'.repeat(65))], 'events[0].event_id'],
    ['no payload', [click('a'), Event.fromPartial({ eventId: 'b' })], 'events[1].payload'],
    ['a time before 1970', [{ ...click('a'), timeMs: -1 }], 'events[0].time_ms'],
    [
      'no action',
      [Event.fromPartial({ eventId: 'a', feedback: { userId: 'u', itemId: 'i' } })],
      'events[0].feedback.action',
    ],
    [
      'an unknown action',
      [Event.fromPartial({ eventId: 'a', feedback: { userId: 'u', itemId: 'i', action: 99 as Action } })],
      'events[0].feedback.action',
    ],
    [
      'no user',
      [Event.fromPartial({ eventId: 'a', feedback: { itemId: 'i', action: 1 } })],
      'events[0].feedback.user_id',
    ],
    [
      'no item',
      [Event.fromPartial({ eventId: 'a', feedback: { userId: 'u', action: 1 } })],
      'events[0].feedback.item_id',
    ],
    ['the far future', [{ ...click('a'), timeMs: Date.now() + 25 * 3_600_000 }], 'events[0].time_ms'],
    ['more than 64 KB', [click('z'), click('a', 'x'.repeat(66_000))], 'events[1]'],
    [
      'a preference for an item',
      [preference({ itemId: 'i', categories: ['Drama'] })],
      'events[0].feedback.item_id',
    ],
    ['a preference for nothing', [preference({})], 'events[0].feedback.categories'],
    [
      'a preference for 101 categories',
      [preference({ categories: Array.from({ length: 101 }, (_, i) => `c${i}`) })],
      'events[0].feedback.categories',
    ],
    [
      'a device that is too long',
      [
        Event.fromPartial({
          ...click('a'),
          feedback: { ...click('a').feedback, context: { device: 'x'.repeat(65) } },
        }),
      ],
      'events[0].feedback.context.device',
    ],
    [
      'a value that is no number',
      [
        Event.fromPartial({
          eventId: 'a',
          feedback: { userId: 'u', itemId: 'i', action: 1, value: Number.NaN },
        }),
      ],
      'events[0].feedback.value',
    ],
  ])('%s is refused with the field, and nothing is written', async (_, events, field) => {
    await using folder = await temporaryHome();
    await using opened = await openLogging(folder.home, transport);
    await expect(opened.logging.append({ events }, call())).rejects.toMatchObject({
      reason: 'FIELD_INVALID',
      violations: [{ field }],
    });
    expect((await opened.logging.append({ events: [click('z')] }, call())).endOffset).toBe(1);
  });

  test.each([
    ['an offset beyond the end', { offset: 5 }, 'offset'],
    ['batches too large', { batchMax: 10_001 }, 'batch_max'],
  ])('%s is refused', async (_, fields, field) => {
    await using folder = await temporaryHome();
    await using opened = await openLogging(folder.home, transport);
    const batches = opened.logging.subscribe(SubscribeRequest.fromPartial(fields), call());
    await expect(batches[Symbol.asyncIterator]().next()).rejects.toMatchObject({ violations: [{ field }] });
  });

  test('a slow subscriber holds the reading back, and memory does not grow', async () => {
    await using folder = await temporaryHome();
    await using opened = await openLogging(folder.home, transport);
    const text = 'x'.repeat(20_000);
    const [rounds, perRound] = [40, 100];
    for (let round = 0; round < rounds; round++) {
      const events = Array.from({ length: perRound }, (_, i) => click(`${round}-${i}`, text));
      await opened.logging.append({ events }, call());
    }
    const total = rounds * perRound;
    const held = () => process.memoryUsage().external + process.memoryUsage().heapUsed;
    const before = held();
    let seen = 0;
    let most = 0;
    for await (const { events } of opened.logging.subscribe(
      SubscribeRequest.fromPartial({ batchMax: 10 }),
      call(),
    )) {
      seen += events.length;
      if (seen === 10) {
        for (let look = 0; look < 20; look++) {
          await pause(20);
          most = Math.max(most, held() - before);
        }
      }
      if (seen === total) break;
    }
    expect(seen).toBe(total);
    expect(most).toBeLessThan((total * text.length) / 2);
  });
});

test('ids are remembered for the configured number of events at least', async () => {
  await using folder = await temporaryHome();
  await using opened = await openLogging(folder.home, 'memory', { MILLRACE__LOGGING__DEDUP_EVENTS: '2000' });
  const events = Array.from({ length: 6_000 }, (_, i) => click(`e${i}`));
  await opened.logging.append({ events }, call());
  const { duplicates } = await opened.logging.append({ events: events.slice(-2_000) }, call());
  expect(duplicates.every(Boolean)).toBe(true);
  const { duplicates: forgotten } = await opened.logging.append({ events: events.slice(0, 1_000) }, call());
  expect(forgotten.some(Boolean)).toBe(false);
});

test('while the log cannot be written appends are UNAVAILABLE and health says so; then a retry counts once', async () => {
  await using folder = await temporaryHome();
  const settings = { MILLRACE__LOGGING__SEGMENT_BYTES_MAX: '4096' };
  await using opened = await openLogging(folder.home, 'socket', settings);
  const large = (id: string) => click(id, 'x'.repeat(4_000));
  await opened.logging.append({ events: [large('a')] }, call());
  await rename(join(folder.home, 'log'), join(folder.home, 'away'));
  await expect(opened.logging.append({ events: [large('b')] }, call())).rejects.toMatchObject({
    reason: 'LOG_UNAVAILABLE',
  });
  expect(opened.health).toEqual([true, false]);
  await rename(join(folder.home, 'away'), join(folder.home, 'log'));
  const { offsets, duplicates } = await opened.logging.append({ events: [large('b'), large('a')] }, call());
  expect([offsets, duplicates]).toEqual([
    [1, 0],
    [false, true],
  ]);
  expect(opened.health).toEqual([true, false, true]);
});

test('stated preferences and contexts come back as they were given', async () => {
  await using folder = await temporaryHome();
  await using opened = await openLogging(folder.home);
  const stated = preference({ categories: ['Drama', 'Comedy'] });
  const context = { device: 'mobile', locale: 'de-CH', surface: 'home', region: 'CH' };
  const clicked = { ...click('b'), feedback: { ...(click('b').feedback as Feedback), context } };
  await opened.logging.append({ events: [stated, clicked] }, call());
  const batches = opened.logging.subscribe(SubscribeRequest.fromPartial({}), call());
  const { value } = await batches[Symbol.asyncIterator]().next();
  expect(value.events.map(({ event }: RecordedEvent) => event)).toEqual([stated, clicked]);
});

test('retention deletes only what every consumer has committed, and remembers that when it starts again', async () => {
  await using folder = await temporaryHome();
  const settings = {
    MILLRACE__LOGGING__SEGMENT_BYTES_MAX: '4096',
    MILLRACE__LOGGING__RETENTION: '{bytesMax: 4096, checkSeconds: 0.02}',
  };
  const events = (from: number) =>
    Array.from({ length: 20 }, (_, i) => click(`${from + i}`, 'x'.repeat(1_000)));
  {
    await using opened = await openLogging(folder.home, 'memory', settings);
    await opened.logging.commit({ consumer: 'lake', offset: 0 }, call());
    await opened.logging.commit({ consumer: 'features', offset: 10 }, call());
    for (const each of events(0)) await opened.logging.append({ events: [each] }, call());
    await expect(opened.logging.commit({ consumer: 'Lake!', offset: 0 }, call())).rejects.toMatchObject({
      violations: [{ field: 'consumer' }],
    });
  }
  await using opened = await openLogging(folder.home, 'memory', settings);
  await pause(100);
  const first = async () =>
    (await opened.logging.commit({ consumer: 'features', offset: 10 }, call())).firstOffset;
  expect(await first()).toBe(0);
  await opened.logging.commit({ consumer: 'lake', offset: 20 }, call());
  await expect.poll(first, { timeout: 10_000 }).toBeGreaterThan(5);
  expect(await first()).toBeLessThanOrEqual(10);
  const batches = opened.logging.subscribe(SubscribeRequest.fromPartial({ offset: 0 }), call());
  await expect(batches[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'OFFSET_TRUNCATED' });
  expect(
    (await opened.logging.append({ events: events(0).slice(-5) }, call())).duplicates.every(Boolean),
  ).toBe(true);
});

describe.skipIf(NATS.program === undefined)(`over NATS (skipped: ${NATS.absent})`, () => {
  const settings = ({ port }: TestServer) => ({
    MILLRACE__LOGGING__ENGINE: 'nats',
    MILLRACE__LOGGING__NATS: `{servers: ['127.0.0.1:${port}'], appendTimeoutMs: 500}`,
  });

  test('events, duplicates, decisions and subscriptions are as over local segments, also after a restart', async () => {
    await using server = await TestServer.start(NATS);
    await using folder = await temporaryHome();
    {
      await using opened = await openLogging(folder.home, 'memory', settings(server));
      const events = [click('a'), decision('r'), click('b')];
      expect((await opened.logging.append({ events }, call())).offsets).toEqual([0, 1, 2]);
      const again = await opened.logging.append({ events: [click('b'), click('c')] }, call());
      expect([again.offsets, again.duplicates]).toEqual([
        [2, 3],
        [true, false],
      ]);
    }
    await using opened = await openLogging(folder.home, 'memory', settings(server));
    expect((await opened.logging.append({ events: [click('c')] }, call())).duplicates).toEqual([true]);
    expect(await opened.logging.getDecision({ requestId: 'r' }, call())).toMatchObject({ offset: 1 });
    const batches = opened.logging.subscribe(SubscribeRequest.fromPartial({}), call());
    const { value } = await batches[Symbol.asyncIterator]().next();
    expect(value.events.map(({ event }: RecordedEvent) => event?.eventId)).toEqual(['a', 'd-r', 'b', 'c']);
  });

  test('while NATS is gone appends are LOG_UNAVAILABLE and the service lives; then all goes on, nothing lost or twice', async () => {
    await using server = await TestServer.start(NATS);
    await using folder = await temporaryHome();
    await using opened = await openLogging(folder.home, 'socket', settings(server));
    const stopping = new AbortController();
    const got: string[] = [];
    const consuming = consume({
      logging: opened.logging,
      consumer: 'test',
      offset: 0,
      kinds: [],
      handle: ({ events }) => void got.push(...events.map(({ event }) => event?.eventId as string)),
      signal: stopping.signal,
      log: createLogger('test'),
    });
    await opened.logging.append({ events: [click('a')] }, call());
    await server.kill();
    const until = Date.now() + OUTAGE_MS;
    do {
      await expect(opened.logging.append({ events: [click('b')] }, call())).rejects.toMatchObject({
        reason: 'LOG_UNAVAILABLE',
      });
      await pause(50);
    } while (Date.now() < until);
    expect(opened.health.at(-1)).toBe(false);
    await server.restart();
    const retried = () =>
      opened.logging.append({ events: [click('b'), click('a')] }, call()).then(
        ({ offsets }) => offsets,
        () => [],
      );
    await expect.poll(retried, { timeout: 20_000 }).toEqual([1, 0]);
    expect(opened.health.at(-1)).toBe(true);
    await expect.poll(() => got, { timeout: 20_000 }).toEqual(['a', 'b']);
    stopping.abort();
    await consuming;
  }, 120_000);
});
