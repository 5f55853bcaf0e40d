import { join } from 'node:path';
import { expect, test } from 'vitest';
import { consume } from '../../common/log/consume.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type LoggingService } from '../../common/rpc/services.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { EventKind, type SubscribeResponse } from '../../gen/millrace/logging/v1/logging.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { click, decision } from './fixtures/events.ts';
import { openLogging } from './fixtures/open.ts';

const log = createLogger('test');
const call = () => rootCall({ timeoutMs: 10_000 });

/** Collects ids of feedback from `offset` on, until `signal`. */
function collect(logging: LoggingService, offset: number, got: string[], signal: AbortSignal): Promise<void> {
  const kinds = [EventKind.EVENT_KIND_FEEDBACK];
  const handle = ({ events }: SubscribeResponse): void => {
    got.push(...events.map(({ event }) => event?.eventId as string));
  };
  return consume({ logging, consumer: 'test', offset, kinds, handle, signal, log });
}

test('a consumer goes on where it was when the service comes back, each event once, until it is stopped', async () => {
  await using folder = await temporaryHome();
  const address = `unix:${join(folder.home, 'logging.sock')}`;
  using channel = new Channel(address);
  const stopping = new AbortController();
  const got: string[] = [];
  const consuming = collect(channel.client(contracts.logging), 0, got, stopping.signal);
  {
    await using opened = await openLogging(folder.home, 'socket', {}, address);
    await opened.logging.append({ events: [click('a'), decision('r'), click('b')] }, call());
    await expect.poll(() => got, { timeout: 10_000 }).toEqual(['a', 'b']);
  }
  await using opened = await openLogging(folder.home, 'socket', {}, address);
  const again = () =>
    opened.logging.append({ events: [click('c')] }, call()).then(
      () => true,
      () => false,
    );
  await expect.poll(again, { timeout: 10_000 }).toBe(true);
  await expect.poll(() => got, { timeout: 10_000 }).toEqual(['a', 'b', 'c']);
  stopping.abort();
  await consuming;
  await opened.logging.append({ events: [click('d')] }, call());
  expect(got).toEqual(['a', 'b', 'c']);
});

test.each(['memory', 'socket'] as const)(
  'over %s a consumer is told at once what no retry mends, and stops when asked',
  async (transport) => {
    await using folder = await temporaryHome();
    await using opened = await openLogging(folder.home, transport);
    const stopping = new AbortController();
    await expect(collect(opened.logging, 1, [], stopping.signal)).rejects.toMatchObject({
      reason: 'FIELD_INVALID',
    });
    const got: string[] = [];
    const consuming = collect(opened.logging, 0, got, stopping.signal);
    await opened.logging.append({ events: [click('a')] }, call());
    await expect.poll(() => got, { timeout: 10_000 }).toEqual(['a']);
    stopping.abort();
    await consuming;
  },
);

test('what the handler throws ends the consumer', async () => {
  await using folder = await temporaryHome();
  await using opened = await openLogging(folder.home);
  const handle = (): never => {
    throw new Error('cannot fold this');
  };
  const { signal } = new AbortController();
  const options = { logging: opened.logging, consumer: 'test', offset: 0, kinds: [], handle, signal, log };
  await expect(consume(options)).rejects.toThrow('cannot fold this');
});
