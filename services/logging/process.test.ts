import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MillraceError } from '../../common/errors.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts, type LoggingService } from '../../common/rpc/services.ts';
import { SubscribeRequest } from '../../gen/millrace/logging/v1/logging.ts';
import { readEvents } from '../../test/support/logged-events.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { click } from './fixtures/events.ts';

const SERVE = fileURLToPath(new URL('fixtures/serve.ts', import.meta.url));
const COMMAND = [process.execPath, '--import', 'tsx', SERVE];

const call = () => rootCall({ timeoutMs: 20_000 });

let starts = 0;

interface Started extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly logging: LoggingService;
}

/** The service as a process of its own, with its state in `folder` and its socket beside it; killed at the end. */
async function start(folder: string, command: readonly string[] = COMMAND): Promise<Started> {
  const address = `unix:${join(folder, `${++starts}.sock`)}`;
  const child = spawn(command[0], command.slice(1), {
    env: { ...process.env, MILLRACE_HOME: folder, MILLRACE__ADDRESSES__LOGGING: address },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  let said = '';
  for await (const chunk of child.stderr!.iterator({ destroyOnReturn: false })) {
    said += chunk;
    if (said.includes('listening')) break;
  }
  child.stderr!.resume();
  const channel = new Channel(address);
  return {
    child,
    exited,
    logging: channel.client(contracts.logging),
    [Symbol.asyncDispose]: async () => {
      channel.close();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

test('kill -9 loses nothing acknowledged, and retrying everything counts each event once', async () => {
  await using folder = await temporaryHome();
  const acknowledged = new Map<string, number>();
  const sent = new Set<string>();
  for (const [round, appends] of [30, 80].entries()) {
    await using started = await start(folder.home);
    const { child, exited, logging } = started;
    let answered = 0;
    const writer = async (name: number): Promise<void> => {
      for (let i = 0; ; i++) {
        const ids = [`${round}-${name}-${i}-x`, `${round}-${name}-${i}-y`];
        for (const id of ids) sent.add(id);
        const { offsets } = await logging.append({ events: ids.map((id) => click(id)) }, call());
        for (const [at, id] of ids.entries()) acknowledged.set(id, offsets[at]);
        if (++answered === appends) child.kill('SIGKILL');
      }
    };
    await Promise.allSettled([0, 1, 2, 3].map(writer));
    await exited;
  }
  expect(acknowledged.size).toBeGreaterThanOrEqual(220);
  await using started = await start(folder.home);
  const { child, exited, logging } = started;
  const retried = [...sent];
  const { offsets } = await logging.append({ events: retried.map((id) => click(id)) }, call());
  for (const [id, offset] of acknowledged) expect(offsets[retried.indexOf(id)]).toBe(offset);
  child.kill('SIGTERM');
  await exited;
  const logged: string[] = [];
  for await (const { offset, event } of readEvents(join(folder.home, 'log'))) {
    expect(offset).toBe(logged.length);
    logged.push(event.eventId);
  }
  expect(logged.sort()).toEqual(retried.sort());
});

const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

test.skipIf(!canMount)(
  'a full disk refuses new events by reason, still knows old ones and serves them (skipped where no tmpfs can be mounted)',
  async () => {
    await using folder = await temporaryHome();
    await mkdir(join(folder.home, 'log'));
    const mounted = `mount -t tmpfs -o size=256k none '${folder.home}/log' && exec ${COMMAND.map((part) => `'${part}'`).join(' ')}`;
    await using started = await start(folder.home, ['unshare', '-rm', 'sh', '-c', mounted]);
    const { logging } = started;
    const text = 'x'.repeat(5_000);
    let written = 0;
    const fill = async (): Promise<void> => {
      for (; written < 1_000; written++) {
        await logging.append({ events: [click(`e${written}`, text)] }, call());
      }
    };
    await expect(fill()).rejects.toSatisfy(
      (error) => error instanceof MillraceError && error.reason === 'DISK_FULL',
    );
    expect(written).toBeGreaterThan(10);
    expect(await logging.append({ events: [click('e3', text)] }, call())).toMatchObject({
      offsets: [3],
      duplicates: [true],
    });
    let read = 0;
    for await (const { events } of logging.subscribe(SubscribeRequest.fromPartial({}), call())) {
      read += events.length;
      if (events.length === 0) break;
    }
    expect(read).toBe(written);
  },
);
