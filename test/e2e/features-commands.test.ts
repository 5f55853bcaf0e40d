import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCli } from '../support/cli.ts';
import { OneProcess } from '../support/one-process.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';
import { makeTinyWorld } from '../support/tiny-world.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: Awaited<ReturnType<typeof temporaryHome>>;
let events: number;
beforeAll(async () => {
  folder = await temporaryHome();
  const world = makeTinyWorld({ users: 60, items: 100, seed: 1 });
  events = world.interactions.users.length;
  await makeTinyHome(folder.home, { world });
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Snapshots' names hold their offset and the hash of their bytes. */
const snapshots = (): Promise<string[]> => readdir(join(folder.home, 'features'));

describe('millrace features backfill', () => {
  test('makes one snapshot, the same from the log and from the lake', async () => {
    const fromLog = await runCli(['features', 'backfill'], folder.home);
    expect([fromLog.code, fromLog.stderr]).toEqual([0, '']);
    expect(fromLog.stdout).toMatch(
      new RegExp(`^${events + 100} events folded in [\\d.]+ s: 60 users, 100 items, into .*features\n$`),
    );
    const first = await snapshots();
    expect(first).toHaveLength(1);
    expect((await runCli(['lake', 'roll'], folder.home)).code).toBe(0);
    const until = ['--until', '150'];
    expect((await runCli(['features', 'backfill', '--from', 'lake', ...until], folder.home)).code).toBe(0);
    expect(await snapshots()).toEqual([expect.stringMatching(/^snapshot-0{13}150-/)]);
    expect((await runCli(['features', 'backfill', '--from', 'lake'], folder.home)).code).toBe(0);
    expect(await snapshots()).toEqual(first);
  });

  test.for([
    [['--from', 'memory'], '--from: expected log or lake, not memory'],
    [['--until', 'now'], '--until: expected a whole number'],
  ] as const)('%j ends with 1 and one line', async ([args, said]) => {
    const { code, stderr } = await runCli(['features', 'backfill', ...args], folder.home);
    expect([code, stderr]).toEqual([1, `millrace: ${said}\n`]);
  });
});

describe('millrace features show', () => {
  let one: OneProcess;
  beforeAll(async () => {
    one = await OneProcess.start(folder.home);
  });
  afterAll(() => one?.[Symbol.asyncDispose]());
  const show = (...args: string[]): ReturnType<typeof runCli> =>
    runCli(['features', 'show', ...args, '--address', one.address], folder.home);

  test('prints what is known of a user, events with titles', async () => {
    const { code, stdout, stderr } = await show('user-3');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^user-3 at offset \d+: \d+ items liked, \d+ seen, 0 hidden\n/);
    expect(stdout).toMatch(/\nrating +\d+\n/);
    expect(stdout).toMatch(/\nlatest_ms +\d{4}-\d\d-\d\dT/);
    expect(stdout).toMatch(/T[\d:.]+Z +rating +5 +The \w+ and the \w+ +item-\d+\n/);
  });

  test('prints JSON, also of somebody unknown', async () => {
    const known = JSON.parse((await show('user-3', '--json')).stdout);
    expect(known.events.length).toBe(known.aggregates.rating);
    expect(known.seen).toBe(known.positives);
    const unknown = JSON.parse((await show('nobody', '--json')).stdout);
    expect(unknown).toMatchObject({
      userId: 'nobody',
      events: [],
      seen: 0,
      aggregates: { click: 0, latest_ms: null },
    });
  });
});
