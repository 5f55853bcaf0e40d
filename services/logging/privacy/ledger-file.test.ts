import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { pause } from '../../../common/clock.ts';
import { asMillraceError } from '../../../common/errors.ts';
import { diskFiles, type LogFiles } from '../../../common/log/log-files.ts';
import { Random } from '../../../common/random.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { FailingPower } from './fixtures/failing-power.ts';
import { Ledger } from './ledger.ts';

const SEED = 6;
const CHARGER = fileURLToPath(new URL('fixtures/charger.ts', import.meta.url));
const GRANT = { epsilon: 100, delta: 1e-6 };
const CHARGE = {
  analyst: 'ana',
  windows: ['2026-11'],
  loss: { pure: [{ epsilon: 1 / 64, times: 1 }], rho: 0, delta: 0 },
  query: 'a test',
};

/** `count` charges at once; answers how many were granted. */
async function charged(ledger: Ledger, count: number): Promise<number> {
  const all = await Promise.allSettled(Array.from({ length: count }, () => ledger.charge(CHARGE, GRANT)));
  return all.filter(({ status }) => status === 'fulfilled').length;
}

/** Charges that an owner who opens the folder now reads, or the reason for which it does not. */
async function readBy(folder: string): Promise<number | string> {
  try {
    const ledger = await Ledger.open(folder);
    const read = ledger.spent('ana', GRANT.delta)[0]?.queries ?? 0;
    await ledger.close();
    return read;
  } catch (error) {
    return asMillraceError(error).reason;
  }
}

/** As it is for who does not see the owner's process. */
async function forgetOwners(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith('owner')) await rm(join(folder, name), { force: true });
}

const fileOf = (epoch: number): string => `ledger-${String(epoch).padStart(8, '0')}.jsonl`;

/** Offsets just behind the lines. */
const endsOf = (bytes: Buffer): number[] =>
  [...bytes.entries()].flatMap(([i, byte]) => (byte === 10 ? [i + 1] : []));

test(`no granted charge is missing after a power failure, whatever it leaves, and the next owner grants again (seed ${SEED})`, async () => {
  await using place = await temporaryHome();
  const folder = join(place.home, 'privacy');
  const random = new Random(SEED);
  let [granted, tried, torn] = [0, 0, 0];
  for (let epoch = 1; epoch <= 25; epoch++) {
    const path = join(folder, fileOf(epoch));
    const power = new FailingPower(path, 1 + random.int(9));
    const ledger = await Ledger.open(folder, { files: power });
    const read = ledger.spent('ana', GRANT.delta)[0]?.queries ?? 0;
    expect(read).toBeGreaterThanOrEqual(granted);
    expect(read).toBeLessThanOrEqual(tried);
    let own = 0;
    for (let holds = true; holds; ) {
      const count = 1 + random.int(8);
      const done = await charged(ledger, count);
      tried += count;
      own += done;
      holds = done === count;
    }
    granted += own;
    await ledger.close();
    await power.fail(random);
    const left = await readFile(path);
    if (left.at(-1) !== 10 || left.includes(0)) torn++;
    if (own === 0) continue;
    // Also then it is known what was granted: without the end of that the file is damaged, not torn.
    const copy = join(place.home, `copy-${epoch}`);
    await cp(folder, copy, { recursive: true });
    await truncate(join(copy, fileOf(epoch)), endsOf(left)[own] - 1);
    expect(await readBy(copy)).toBe('LEDGER_DAMAGED');
  }
  expect(torn).toBeGreaterThan(3);
});

test(`a ledger that was altered anywhere is refused, or has every charge (seed ${SEED})`, async () => {
  await using place = await temporaryHome();
  const random = new Random(SEED);
  const ledger = await Ledger.open(place.home);
  await charged(ledger, 2);
  await charged(ledger, 1);
  await ledger.close();
  const path = join(place.home, fileOf(1));
  const whole = await readFile(path);
  const ends = [0, ...endsOf(whole)];
  const without = (from: number, until: number) =>
    Buffer.concat([whole.subarray(0, from), whole.subarray(until)]);
  const outcomes: Record<string, number> = {};
  const altered = [
    ...ends.slice(1).map((end, i) => without(ends[i], end)),
    ...ends.map((end) => whole.subarray(0, end)),
    ...Array.from({ length: 30 }, () => whole.subarray(0, random.int(whole.length))),
    ...Array.from({ length: 60 }, () => {
      const bytes = Buffer.from(whole);
      bytes[random.int(whole.length)] ^= 1 << random.int(8);
      return bytes;
    }),
    ...Array.from({ length: 20 }, () => Buffer.from(whole).fill(0, random.int(whole.length))),
  ];
  for (const bytes of altered) {
    const folder = join(place.home, 'copy');
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    await writeFile(join(folder, fileOf(1)), bytes);
    const read = await readBy(folder);
    outcomes[read] = (outcomes[read] ?? 0) + 1;
  }
  expect(Object.keys(outcomes).sort()).toEqual(['3', 'LEDGER_DAMAGED']);
  expect(outcomes.LEDGER_DAMAGED).toBeGreaterThan(110);
});

test('a file that is missing is named, and tries in vain leave none', async () => {
  await using place = await temporaryHome();
  for (let epoch = 1; epoch <= 3; epoch++) {
    const ledger = await Ledger.open(place.home);
    await charged(ledger, 1);
    await ledger.close();
  }
  expect(await readBy(place.home)).toBe(3);
  const path = join(place.home, fileOf(2));
  const bytes = await readFile(path);
  await rm(path);
  const before = await readdir(place.home);
  for (let i = 0; i < 2; i++)
    await expect(Ledger.open(place.home)).rejects.toMatchObject({
      reason: 'LEDGER_DAMAGED',
      metadata: { file: path },
    });
  expect(await readdir(place.home)).toEqual(before);
  await writeFile(path, bytes);
  expect(await readBy(place.home)).toBe(3);
  // The last one is missed by whom it was known to.
  await expect(Ledger.open(place.home, { after: 9 })).rejects.toMatchObject({
    reason: 'LEDGER_DAMAGED',
    metadata: { file: join(place.home, fileOf(6)) },
  });
});

test('a folder that cannot be made or used is LEDGER_UNAVAILABLE', async () => {
  await using place = await temporaryHome();
  await writeFile(join(place.home, 'file'), '');
  for (const folder of [join(place.home, 'file'), join(place.home, 'file', 'privacy'), '/sys/privacy'])
    expect(await readBy(folder)).toBe('LEDGER_UNAVAILABLE');
});

test('a folder that is deleted under its owner grants nothing more, nor does one put in its place', async () => {
  await using place = await temporaryHome();
  const folder = join(place.home, 'privacy');
  for (const isBack of [false, true]) {
    const ledger = await Ledger.open(folder);
    expect(await charged(ledger, 1)).toBe(1);
    await rm(folder, { recursive: true });
    if (isBack) await mkdir(folder);
    await expect(ledger.charge(CHARGE, GRANT)).rejects.toMatchObject({ reason: 'LEDGER_UNAVAILABLE' });
    expect(ledger.isOwner).toBe(false);
    await ledger.close();
    await expect(Ledger.open(folder, { after: ledger.epoch })).rejects.toMatchObject({
      reason: isBack ? 'LEDGER_DAMAGED' : 'LEDGER_UNAVAILABLE',
    });
  }
});

/** A process that charges for ever, as `charger.ts` does. */
function startCharger(folder: string) {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', CHARGER, folder, String(CHARGE.loss.pure[0].epsilon)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  const granted: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => granted.push(line));
  return { child, exited, granted, first: once(lines, 'line') };
}

const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;

test.skipIf(!hasPrlimit)(
  `a disk that is full in the middle of a write grants nothing; once it has room all granted charges are there${hasPrlimit ? '' : ' (skipped: no prlimit)'}`,
  async () => {
    await using place = await temporaryHome();
    const { child, exited, granted, first } = startCharger(place.home);
    await first;
    child.kill('SIGSTOP');
    const { length } = await readFile(join(place.home, fileOf(1)));
    // Less than a line has room.
    spawnSync('prlimit', ['--pid', String(child.pid), `--fsize=${length + 100}`]);
    child.kill('SIGCONT');
    await exited;
    expect(granted.pop()).toBe('LEDGER_UNAVAILABLE');
    const bytes = await readFile(join(place.home, fileOf(1)));
    expect(bytes.at(-1)).not.toBe(10);
    const read = await readBy(place.home);
    expect(read).toBeGreaterThanOrEqual(granted.length);
    expect(read).toBe(endsOf(bytes).length - 1);
  },
);

test('an owner that is stopped stays the owner; one that went on after it was taken over grants nothing', async () => {
  await using place = await temporaryHome();
  const { child, exited, granted, first } = startCharger(place.home);
  await first;
  child.kill('SIGSTOP');
  expect(await readBy(place.home)).toBe('LEDGER_UNAVAILABLE');
  child.kill('SIGCONT');
  const before = granted.length;
  while (granted.length === before) await pause(5);
  child.kill('SIGSTOP');
  await forgetOwners(place.home);
  const successor = await Ledger.open(place.home);
  const read = successor.spent('ana', GRANT.delta)[0].queries;
  child.kill('SIGCONT');
  await exited;
  expect(granted.pop()).toBe('LEDGER_UNAVAILABLE');
  expect(read).toBeGreaterThanOrEqual(granted.length);
  expect(await charged(successor, 1)).toBe(1);
  await successor.close();
});

test.each([
  ['its lines', 2],
  ['its mark', 3],
])(
  'an owner that is taken over while it writes %s refuses the charge, and the next one has it',
  async (_, nth) => {
    await using place = await temporaryHome();
    let syncs = 0;
    let successor: Ledger | undefined;
    const sync: LogFiles['sync'] = async (path, file) => {
      await diskFiles.sync(path, file);
      if (++syncs !== nth) return;
      await forgetOwners(place.home);
      successor = await Ledger.open(place.home);
    };
    const ledger = await Ledger.open(place.home, { files: { ...diskFiles, sync } });
    expect(await charged(ledger, 1)).toBe(0);
    expect(successor?.spent('ana', GRANT.delta)[0].queries).toBe(1);
    await ledger.close();
    await successor?.close();
  },
);

test(`of owners that do not see one another none grants what another one does not read (seed ${SEED})`, async () => {
  await using place = await temporaryHome();
  const random = new Random(SEED);
  let [granted, refused] = [0, 0];
  const owner = async (): Promise<void> => {
    for (let round = 0; round < 25; round++) {
      await forgetOwners(place.home);
      await pause(random.int(3));
      const ledger = await Ledger.open(place.home).catch(() => undefined);
      const done = ledger === undefined ? 0 : await charged(ledger, 3);
      granted += done;
      refused += 3 - done;
      await ledger?.close();
    }
  };
  await Promise.all([owner(), owner(), owner()]);
  await forgetOwners(place.home);
  expect(refused).toBeGreaterThan(0);
  expect(granted).toBeGreaterThan(0);
  expect(await readBy(place.home)).toBeGreaterThanOrEqual(granted);
});
