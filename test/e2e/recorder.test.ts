import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigSource } from '../../common/config.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { inMemory } from '../../common/rpc/memory.ts';
import { RpcServer } from '../../common/rpc/server.ts';
import { contracts } from '../../common/rpc/services.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { createLogging } from '../../services/logging/server.ts';
import { Recorder } from '../../services/orchestrator/recorder.ts';
import { temporaryHome } from '../support/temporary-home.ts';

const RECORDS = 200;
/** More than one message holds, together. */
const RECORD_BYTES = 50_000;

test('records that are too large together are all recorded; one that the log refuses costs itself alone', async () => {
  await using folder = await temporaryHome();
  const log = createLogger('test');
  const logging = await createLogging({ config: new ConfigSource({ MILLRACE_HOME: folder.home }), log });
  const server = new RpcServer({ log });
  for (const service of logging.services) service.addTo(server);
  const channel = new Channel(`127.0.0.1:${await server.listen('127.0.0.1:0')}`);
  const client = channel.client(contracts.logging);
  const spoolFolder = join(folder.home, 'spool');
  const recorder = await Recorder.open({ logging: client, spoolFolder, log, queueMax: 1_000 });
  for (let i = 0; i < RECORDS; i++) recorder.record(decision(i, i === 77 ? '' : `decision-${i}`));
  await recorder.close();
  expect(recorder.spooling).toBe(false);
  const missing: number[] = [];
  for (let i = 0; i < RECORDS; i++)
    await client.getDecision({ requestId: `request-${i}` }, rootCall()).catch(() => missing.push(i));
  expect(missing).toEqual([77]);
  channel.close();
  await server.drain(1_000);
  await logging.close();
});

test('what is spooled outlives a kill of the process and reaches the log', async () => {
  await using folder = await temporaryHome();
  const log = createLogger('test');
  const spoolFolder = join(folder.home, 'spool');
  const copy = join(folder.home, 'copy');
  const nowhere = new Channel('127.0.0.1:1');
  const away = nowhere.client(contracts.logging);
  const recorder = await Recorder.open({ logging: away, spoolFolder, log, queueMax: 10 });
  await recorder.spool([decision(1, 'decision-1')]);
  await cp(spoolFolder, copy, { recursive: true, filter: (path) => !path.endsWith('.lock') });
  await recorder.close();
  nowhere.close();
  const logging = await createLogging({ config: new ConfigSource({ MILLRACE_HOME: folder.home }), log });
  const client = inMemory(contracts.logging, logging.implementation);
  const next = await Recorder.open({ logging: client, spoolFolder: copy, log, queueMax: 10 });
  await expect
    .poll(() => client.getDecision({ requestId: 'request-1' }, rootCall()).catch(() => undefined))
    .toBeDefined();
  await next.close();
  await logging.close();
});

function decision(number: number, eventId: string): Event {
  const features = Buffer.alloc(RECORD_BYTES, number);
  return Event.fromPartial({
    eventId,
    timeMs: 1,
    decision: { requestId: `request-${number}`, userId: 'u', shown: [{ itemId: 'i', features }] },
  });
}
