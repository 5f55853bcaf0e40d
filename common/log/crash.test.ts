import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { payloadOf } from './fixtures/payload.ts';
import { SegmentLog } from './segment-log.ts';

const APPENDER = fileURLToPath(new URL('fixtures/appender.ts', import.meta.url));

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'log-crash-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

function startAppender(): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', APPENDER, 'forever', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Kills the appender without warning after `lines` acknowledgements; answers id by acknowledged offset. */
async function killAfter(lines: number): Promise<Map<number, number>> {
  const child = startAppender();
  const exited = once(child, 'exit');
  const acknowledged = new Map<number, number>();
  for await (const line of createInterface({ input: child.stdout! })) {
    const [offset, id] = line.split(' ').map(Number);
    acknowledged.set(offset, id);
    if (acknowledged.size === lines) child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

test('nothing acknowledged is lost to kill -9, round after round', async () => {
  const acknowledged = new Map<number, number>();
  for (const lines of [1, 150, 400, 777]) {
    for (const [offset, id] of await killAfter(lines)) acknowledged.set(offset, id);
    await using log = await SegmentLog.open(dir);
    expect(log.endOffset).toBeGreaterThan(Math.max(...acknowledged.keys()));
    for (const [offset, id] of acknowledged) {
      const { payloads } = await log.read(offset, { recordsMax: 1 });
      expect(payloads[0]).toEqual(Buffer.from(payloadOf(id)));
    }
  }
  expect(acknowledged.size).toBeGreaterThanOrEqual(1328);
});

test('a live owner is named; a dead one, and one whose pid was given away, are succeeded', async () => {
  const child = startAppender();
  const exited = once(child, 'exit');
  await once(child.stdout!, 'data');
  await expect(SegmentLog.open(dir)).rejects.toMatchObject({ name: 'LogLockedError', pid: child.pid });
  child.kill('SIGKILL');
  await exited;
  {
    await using log = await SegmentLog.open(dir);
    expect(log.endOffset).toBeGreaterThan(0);
    await expect(SegmentLog.open(dir)).rejects.toMatchObject({ pid: process.pid });
  }
  expect((await readdir(dir)).filter((name) => name.startsWith('owner'))).toEqual([]);
  await writeFile(join(dir, 'owner-3.lock'), JSON.stringify({ pid: process.pid, started: 'another boot:1' }));
  await using log = await SegmentLog.open(dir);
  expect(log.endOffset).toBeGreaterThan(0);
  expect((await readdir(dir)).filter((name) => name.startsWith('owner'))).toEqual(['owner-4.lock']);
});

test('of many that succeed a dead owner at once, one wins', async () => {
  for (let round = 0; round < 20; round++) {
    await writeFile(join(dir, 'owner-1.lock'), JSON.stringify({ pid: 2 ** 22 + 1, started: 'x' }));
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => SegmentLog.open(dir)));
    const won = tries.filter((each) => each.status === 'fulfilled');
    expect(won.length).toBe(1);
    await won[0].value.close();
  }
});

const run = promisify(execFile);

test('at the file size limit an append rejects, reads go on, and what fits is still taken', async () => {
  const command = `ulimit -f 4; trap '' XFSZ; exec '${process.execPath}' --import tsx '${APPENDER}' full '${dir}'`;
  const { stdout } = await run('bash', ['-c', command]);
  expect(JSON.parse(stdout)).toEqual({ failure: 'LogFullError', endOffset: 6, read: 6, after: 6 });
  await using log = await SegmentLog.open(dir);
  expect([log.endOffset, log.recovered.bytesCut]).toEqual([7, 0]);
});

const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

test.skipIf(!canMount)(
  'on a full disk likewise (skipped where a small tmpfs cannot be mounted)',
  async () => {
    const command = `mount -t tmpfs -o size=64k none '${dir}' && exec '${process.execPath}' --import tsx '${APPENDER}' full '${dir}'`;
    const { stdout } = await run('unshare', ['-rm', 'sh', '-c', command]);
    const { failure, endOffset, read, after } = JSON.parse(stdout);
    expect(failure).toBe('LogFullError');
    expect(endOffset).toBeGreaterThan(50);
    expect([read, after]).toEqual([endOffset, endOffset]);
  },
);
