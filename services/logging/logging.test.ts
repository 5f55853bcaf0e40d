import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigSource } from '../../common/config.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { RpcServer } from '../../common/rpc/server.ts';
import { contracts, type LoggingService } from '../../common/rpc/services.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { Event, EventKind, SubscribeRequest } from '../../gen/millrace/logging/v1/logging.ts';
import { createLogging } from './server.ts';

const log = createLogger('test');
const call = () => rootCall({ timeoutMs: 10_000 });

interface Opened {
  readonly logging: LoggingService;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The service in a folder, called over a real socket. */
async function open(home: string, settings: Record<string, string> = {}): Promise<Opened> {
  const component = await createLogging({
    config: new ConfigSource({ MILLRACE_HOME: home, ...settings }),
    log,
  });
  const server = new RpcServer({ log });
  for (const service of component.services) service.addTo(server);
  const channel = new Channel(`127.0.0.1:${await server.listen('127.0.0.1:0')}`);
  const close = async (): Promise<void> => {
    channel.close();
    await server.drain(500);
    await component.close();
  };
  return { logging: channel.client(contracts.logging), close, [Symbol.asyncDispose]: close };
}

async function temporaryHome(): Promise<{ home: string; [Symbol.asyncDispose](): Promise<void> }> {
  const home = await mkdtemp(join(tmpdir(), 'millrace-logging-'));
  return { home, [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) };
}

const feedback = (eventId: string) =>
  Event.fromPartial({ eventId, timeMs: 1, feedback: { userId: 'u', itemId: 'i', action: 3 } });
const decision = (requestId: string) =>
  Event.fromPartial({ eventId: `d-${requestId}`, timeMs: 2, decision: { requestId, userId: 'u' } });

test('an event counts once: again, twice in one call, at the same time, and after a restart', async () => {
  await using folder = await temporaryHome();
  {
    await using opened = await open(folder.home);
    const first = await opened.logging.append(
      { events: [feedback('a'), feedback('b'), feedback('a')] },
      call(),
    );
    expect([first.offsets, first.duplicates, first.endOffset]).toEqual([[0, 1, 0], [false, false, true], 2]);
    const both = await Promise.all(
      [1, 2].map(() => opened.logging.append({ events: [feedback('c')] }, call())),
    );
    expect(both.map(({ offsets }) => offsets)).toEqual([[2], [2]]);
    expect(both.map(({ duplicates }) => duplicates[0]).sort()).toEqual([false, true]);
  }
  await using reopened = await open(folder.home);
  const again = await reopened.logging.append({ events: [feedback('b'), feedback('e')] }, call());
  expect([again.offsets, again.duplicates]).toEqual([
    [1, 3],
    [true, false],
  ]);
});

test('ids are remembered for the configured number of events at least', async () => {
  await using folder = await temporaryHome();
  await using opened = await open(folder.home, { MILLRACE__LOGGING__DEDUP_EVENTS: '2000' });
  const events = Array.from({ length: 6_000 }, (_, i) => feedback(`e${i}`));
  await opened.logging.append({ events }, call());
  const { duplicates } = await opened.logging.append({ events: events.slice(-2_000) }, call());
  expect(duplicates.every(Boolean)).toBe(true);
  const { duplicates: forgotten } = await opened.logging.append({ events: events.slice(0, 1_000) }, call());
  expect(forgotten.some(Boolean)).toBe(false);
});

test('a subscription gives wanted kinds from an offset, says when it has caught up, and goes on live', async () => {
  await using folder = await temporaryHome();
  await using opened = await open(folder.home);
  await opened.logging.append({ events: [feedback('a'), decision('r1'), feedback('b')] }, call());
  const request = SubscribeRequest.fromPartial({
    consumer: 't',
    offset: 1,
    kinds: [EventKind.EVENT_KIND_FEEDBACK],
  });
  const got: string[] = [];
  let caughtUp = false;
  for await (const { events, nextOffset, endOffset } of opened.logging.subscribe(request, call())) {
    got.push(...events.map(({ offset, event }) => `${offset}:${event?.eventId}`));
    if (!caughtUp && nextOffset === endOffset) {
      caughtUp = true;
      void opened.logging.append({ events: [decision('r2'), feedback('c')] }, call());
    }
    if (got.length === 2) break;
  }
  expect(got).toEqual(['2:b', '4:c']);
});

test('decisions are found by request id, also after a restart', async () => {
  await using folder = await temporaryHome();
  {
    await using opened = await open(folder.home);
    await opened.logging.append({ events: [feedback('a'), decision('r1')] }, call());
  }
  await using opened = await open(folder.home);
  expect(await opened.logging.getDecision({ requestId: 'r1' }, call())).toMatchObject({
    offset: 1,
    timeMs: 2,
    decision: { userId: 'u' },
  });
  await expect(opened.logging.getDecision({ requestId: 'r9' }, call())).rejects.toMatchObject({
    reason: 'DECISION_UNKNOWN',
  });
});

test.each([
  ['no events', [], 'events'],
  ['an empty id', [feedback('')], 'events[0].event_id'],
  ['a long id', [feedback('x'.repeat(129))], 'events[0].event_id'],
  ['no payload', [feedback('a'), Event.fromPartial({ eventId: 'b' })], 'events[1].payload'],
  ['a time before 1970', [Event.fromPartial({ ...feedback('a'), timeMs: -1 })], 'events[0].time_ms'],
])('%s is refused with the field, and nothing is written', async (_, events, field) => {
  await using folder = await temporaryHome();
  await using opened = await open(folder.home);
  await expect(opened.logging.append({ events }, call())).rejects.toMatchObject({
    reason: 'FIELD_INVALID',
    violations: [{ field }],
  });
  expect((await opened.logging.append({ events: [feedback('z')] }, call())).endOffset).toBe(1);
});

test('an offset beyond the end is refused', async () => {
  await using folder = await temporaryHome();
  await using opened = await open(folder.home);
  const batches = opened.logging.subscribe(SubscribeRequest.fromPartial({ offset: 5 }), call());
  await expect(batches[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    violations: [{ field: 'offset' }],
  });
});

test('a slow subscriber holds the log back, not memory', async () => {
  await using folder = await temporaryHome();
  await using opened = await open(folder.home);
  for (let round = 0; round < 20; round++) {
    await opened.logging.append(
      { events: Array.from({ length: 2_000 }, (_, i) => feedback(`${round}-${i}`)) },
      call(),
    );
  }
  let seen = 0;
  for await (const { events } of opened.logging.subscribe(
    SubscribeRequest.fromPartial({ batchMax: 500 }),
    call(),
  )) {
    seen += events.length;
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (seen === 40_000) break;
  }
  expect(seen).toBe(40_000);
});
