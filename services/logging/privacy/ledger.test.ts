import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import type { PrivacyLoss } from '../../../common/privacy/accountant.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { Ledger } from './ledger.ts';

const CHARGER = fileURLToPath(new URL('fixtures/charger.ts', import.meta.url));
const GRANT = { epsilon: 1, delta: 1e-6 };
const cost = (epsilon: number, delta = 0): PrivacyLoss => ({ pure: [{ epsilon, times: 1 }], rho: 0, delta });
const charge = (epsilon: number, analyst = 'ana', windows = ['2026-11']) => ({
  analyst,
  windows,
  loss: cost(epsilon),
  query: 'a test',
});

test('what was charged stays charged, by analyst and window', async () => {
  await using folder = await temporaryHome();
  const path = join(folder.home, 'privacy');
  let ledger = await Ledger.open(path);
  await ledger.charge(charge(0.25), GRANT);
  await ledger.charge(charge(0.5, 'ana', ['2026-10', '2026-11']), GRANT);
  await ledger.charge(charge(1, 'ben'), GRANT);
  for (let round = 0; round < 2; round++) {
    const spent = ledger.spent('ana', 0);
    expect(spent).toEqual([
      { window: '2026-10', epsilon: 0.5, delta: 0, queries: 1 },
      { window: '2026-11', epsilon: 0.75, delta: 0, queries: 2 },
    ]);
    await expect(ledger.charge(charge(0.1, 'ben'), { epsilon: 1, delta: 0 })).rejects.toMatchObject({
      reason: 'PRIVACY_BUDGET_SPENT',
      metadata: { window: '2026-11', epsilon_left: '0', delta_left: '0' },
    });
    await ledger.close();
    ledger = await Ledger.open(path);
  }
  expect(ledger.spent('ben', 0)[0].queries).toBe(1);
  await ledger.close();
});

test('a charge that one window cannot pay is charged to none', async () => {
  await using folder = await temporaryHome();
  const ledger = await Ledger.open(join(folder.home, 'privacy'));
  await ledger.charge(charge(1, 'ana', ['2026-10']), GRANT);
  await expect(ledger.charge(charge(0.5, 'ana', ['2026-11', '2026-10']), GRANT)).rejects.toMatchObject({
    metadata: { window: '2026-10' },
  });
  expect(ledger.spent('ana', 0).map(({ window }) => window)).toEqual(['2026-10']);
  await ledger.close();
});

test.each([
  ['by ε', 8, cost(0.125), { epsilon: 1, delta: 0 }],
  ['by δ', 10, cost(0.001, 1e-7), { epsilon: 1, delta: 1e-6 }],
])(
  'a budget is spent to its end %s, rounding of its sums aside, and no further',
  async (_, times, loss, grant) => {
    await using folder = await temporaryHome();
    const ledger = await Ledger.open(folder.home);
    for (let i = 0; i < times; i++) await ledger.charge({ ...charge(0), loss }, grant);
    for (const part of [1e-6, 1]) {
      const more = {
        pure: [{ epsilon: loss.pure[0].epsilon * part, times: 1 }],
        rho: 0,
        delta: loss.delta * part,
      };
      await expect(ledger.charge({ ...charge(0), loss: more }, grant)).rejects.toMatchObject({
        reason: 'PRIVACY_BUDGET_SPENT',
      });
    }
    expect(ledger.spent('ana', 1)[0].queries).toBe(times);
    await ledger.close();
  },
);

test('of 1,000 charges at once exactly as many are granted as the budget has', async () => {
  await using folder = await temporaryHome();
  const ledger = await Ledger.open(join(folder.home, 'privacy'));
  const tries = await Promise.allSettled(
    Array.from({ length: 1_000 }, () => ledger.charge(charge(1 / 64), GRANT)),
  );
  const refused = tries.filter((each) => each.status === 'rejected');
  const granted = 1_000 - refused.length;
  expect(new Set(refused.map(({ reason }) => reason.reason))).toEqual(new Set(['PRIVACY_BUDGET_SPENT']));
  expect(granted).toBeGreaterThanOrEqual(64);
  const [{ epsilon, queries }] = ledger.spent('ana', GRANT.delta);
  expect(queries).toBe(granted);
  expect(epsilon).toBeLessThanOrEqual(1 + 1e-9);
  await ledger.close();
  const again = await Ledger.open(join(folder.home, 'privacy'));
  expect(again.spent('ana', GRANT.delta)).toEqual([{ window: '2026-11', epsilon, delta: 0, queries }]);
  await again.close();
});

test('what was not granted at the end of a file is left out; a line of a charge that was is named where it is altered', async () => {
  await using folder = await temporaryHome();
  const ledger = await Ledger.open(folder.home);
  await ledger.charge(charge(0.25), GRANT);
  await ledger.charge(charge(0.25), GRANT);
  await ledger.close();
  const path = join(folder.home, 'ledger-00000001.jsonl');
  const whole = await readFile(path);
  for (const tail of [whole.subarray(40, 80), Buffer.alloc(3_000), Buffer.from('garbage\nand more\n')]) {
    await writeFile(path, Buffer.concat([whole, tail]));
    const again = await Ledger.open(folder.home);
    expect(again.spent('ana', 0)[0].queries).toBe(2);
    await again.close();
  }
  await writeFile(path, whole.toString().replace('0.25', '0.01'));
  await expect(Ledger.open(folder.home)).rejects.toMatchObject({
    reason: 'LEDGER_DAMAGED',
    metadata: { file: path, line: '2' },
  });
});

test('a clock that was set back grants nothing', async () => {
  await using folder = await temporaryHome();
  const ledger = await Ledger.open(folder.home);
  await ledger.charge(charge(0.25), GRANT);
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now - 120_000);
  try {
    await expect(ledger.charge(charge(0.25), GRANT)).rejects.toMatchObject({ reason: 'CLOCK_SET_BACK' });
    clock.mockReturnValue(now - 2_000);
    await ledger.charge(charge(0.25), GRANT);
  } finally {
    clock.mockRestore();
  }
  expect(ledger.spent('ana', 0)[0].queries).toBe(2);
  await ledger.close();
});

test('while an owner lives no other process becomes one; one that was taken over grants nothing more', async () => {
  await using folder = await temporaryHome();
  const child = spawn(process.execPath, ['--import', 'tsx', CHARGER, folder.home, '0.0001'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const granted: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => granted.push(line));
  await once(lines, 'line');
  await expect(Ledger.open(folder.home)).rejects.toMatchObject({ reason: 'LEDGER_UNAVAILABLE' });
  // Another machine that shares the folder does not see the process and takes over.
  for (const name of await readdir(folder.home))
    if (name.startsWith('owner'))
      await writeFile(join(folder.home, name), '{"pid":4194305,"started":"elsewhere"}');
  const successor = await Ledger.open(folder.home);
  const read = successor.spent('ana', 1e-6)[0].queries;
  await exited;
  expect(granted.at(-1)).toBe('LEDGER_UNAVAILABLE');
  expect(read).toBeGreaterThanOrEqual(granted.length - 1);
  await successor.charge(charge(0.1), GRANT);
  await successor.close();
});
