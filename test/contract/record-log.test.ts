import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pause } from '../../common/clock.ts';
import { LocalLog } from '../../common/log/local-log.ts';
import { natsSchema } from '../../common/log/log-config.ts';
import { NatsLog } from '../../common/log/nats-log.ts';
import { NATS, TestServer } from '../support/servers.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { recordLogSuite } from './suites/record-log.ts';

recordLogSuite({
  name: 'local segments',
  fresh: async () => {
    const folder = await temporaryHome();
    return {
      open: () => LocalLog.open(join(folder.home, 'log'), { segmentBytesMax: 4_096 }),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  },
});

recordLogSuite({
  name: 'NATS JetStream',
  absent: NATS.program === undefined ? NATS.absent : undefined,
  fresh: async () => {
    const server = await TestServer.start(NATS);
    return {
      open: () => NatsLog.open(configOf(server)),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
});

function configOf({ port }: TestServer, settings: object = {}): ReturnType<typeof natsSchema.parse> {
  return natsSchema.parse({ servers: [`127.0.0.1:${port}`], ...settings });
}

const record = (id: string, key = '') => ({ id, key, payload: Buffer.from(id) });

describe.skipIf(NATS.program === undefined)(`NATS JetStream alone (skipped: ${NATS.absent})`, () => {
  test('a record whose id is known is not taken again, and has the place of the first', async () => {
    await using server = await TestServer.start(NATS);
    await using log = await NatsLog.open(configOf(server));
    await log.append([record('a'), record('b')]);
    expect(await log.append([record('b'), record('c')])).toEqual([
      { offset: 1, duplicate: true },
      { offset: 2, duplicate: false },
    ]);
    expect(log.endOffset).toBe(3);
  });

  test('while the server is away appends and reads fail at once; when it is back all goes on, nothing lost', async () => {
    await using server = await TestServer.start(NATS);
    await using log = await NatsLog.open(configOf(server, { appendTimeoutMs: 500 }));
    await log.append([record('a')]);
    await server.kill();
    await expect(log.append([record('b')])).rejects.toMatchObject({ name: 'LogWriteError' });
    await expect(log.read(0)).rejects.toMatchObject({ name: 'LogReadError' });
    await server.restart();
    await expect
      .poll(
        () =>
          log.append([record('b')]).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    const { payloads } = await log.read(0);
    expect(payloads.map((payload) => Buffer.from(payload).toString())).toEqual(['a', 'b']);
  });

  test('a server that answers nothing refuses an append in time', async () => {
    await using server = await TestServer.start(NATS);
    await using log = await NatsLog.open(configOf(server, { appendTimeoutMs: 300 }));
    server.freeze();
    await pause(100);
    await expect(log.append([record('a')])).rejects.toMatchObject({ name: 'LogWriteError' });
    server.resume();
    await expect
      .poll(
        () =>
          log.append([record('a')]).then(
            ([{ offset }]) => offset,
            () => -1,
          ),
        { timeout: 10_000 },
      )
      .toBe(0);
  });

  test('durable consumers of all partitions get every record once, each user in order, and go on after a restart', async () => {
    await using server = await TestServer.start(NATS);
    await using log = await NatsLog.open(configOf(server, { partitions: 3 }));
    const users = Array.from({ length: 12 }, (_, i) => `u${i}`);
    const send = (round: number) => log.append(users.map((user) => record(`${user}:${round}`, user)));
    const got: { id: string; partition: number }[] = [];
    const consumed = async (until: number) => {
      const stopping = new AbortController();
      const running = [0, 1, 2].map((partition) =>
        log.consumePartition(
          partition,
          'worker',
          (_, payload) => void got.push({ id: Buffer.from(payload).toString(), partition }),
          stopping.signal,
        ),
      );
      await expect.poll(() => got.length, { timeout: 10_000 }).toBe(until);
      stopping.abort();
      await Promise.all(running);
    };
    for (const round of [0, 1]) await send(round);
    await consumed(24);
    await send(2);
    await consumed(36);
    expect(new Set(got.map(({ id }) => id)).size).toBe(36);
    for (const user of users) {
      const mine = got.filter(({ id }) => id.startsWith(`${user}:`));
      expect(mine.map(({ id }) => id)).toEqual([0, 1, 2].map((round) => `${user}:${round}`));
      expect(new Set(mine.map(({ partition }) => partition))).toEqual(new Set([log.partitionOf(user)]));
    }
    expect(new Set(got.map(({ partition }) => partition)).size).toBe(3);
  });

  test('a server that cannot be reached is named', async () => {
    await expect(NatsLog.open(natsSchema.parse({ servers: ['127.0.0.1:1'] }))).rejects.toThrow('127.0.0.1:1');
  });
});
