import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { QueryPrivateRequest, Statistic } from '../../gen/millrace/logging/v1/logging.ts';
import { type Opened, openLogging } from '../../services/logging/fixtures/open.ts';
import { intoLake, rated } from '../../services/logging/privacy/fixtures/people.ts';
import { Ledger } from '../../services/logging/privacy/ledger.ts';
import { type CliResult, startCli } from '../support/cli.ts';
import { type LakeHome, lakeHome } from '../support/lakes.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const TOKENS = ['ana', 'ben', 'cleo'].map((name) => ({
  name,
  sha256: createHash('sha256').update(`${name}-token`).digest('hex'),
  roles: ['analyse'],
}));
const SETTINGS = {
  MILLRACE__ACCESS__TOKENS: JSON.stringify(TOKENS),
  MILLRACE__LAKE__COMMIT__AGE_MS_MAX: '50',
};
const DAYS = ['--from', '2026-11-01', '--until', '2026-11-02'];

let place: LakeHome;
let opened: Opened;

beforeAll(async () => {
  place = await lakeHome('local', SETTINGS);
  opened = await openLogging(place.home, 'socket', place.settings);
  await intoLake(opened.logging, place.config, [rated('u', 'a', 1)]);
  const addresses = `addresses: { logging: '${opened.address}', orchestrator: '127.0.0.1:1' }\n`;
  await writeFile(join(place.home, 'millrace.yaml'), addresses);
});

afterAll(async () => {
  await opened?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

function privacy(who: string | undefined, ...args: string[]): Promise<CliResult> {
  vi.stubEnv('MILLRACE_TOKEN', who === undefined ? undefined : `${who}-token`);
  try {
    return startCli(['privacy', ...args], place.home).result;
  } finally {
    vi.unstubAllEnvs();
  }
}

async function linesOfLedger(): Promise<string[]> {
  const folder = join(place.home, 'privacy');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => text.trimEnd().split('\n').slice(1));
}

test('a query prints its groups, and what is spent; one that costs more than is left says how much is', async () => {
  const { code, stdout, stderr } = await privacy('ana', 'query', 'count', ...DAYS, '--epsilon', '0.75');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^value +±\n +-?\d+ +1\.\d+\n$/);
  expect(stderr).toBe('2026-11: ε 0.75 of 1 is spent\n');
  const more = await privacy('ana', 'query', 'count', ...DAYS, '--epsilon', '0.5');
  expect([more.code, more.stdout]).toEqual([1, '']);
  expect(more.stderr).toMatch(
    /^millrace: ana has ε = 0\.25\d* and δ = 0\.000001 left in window 2026-11; .*smaller epsilon, or about another month\n$/,
  );
});

test('bad input and a missing token end with 1 and one line, and charge nothing', async () => {
  const before = await linesOfLedger();
  const by = ['query', 'count', ...DAYS, '--epsilon'];
  const cases: [string | undefined, string[], RegExp][] = [
    ['ben', [...by, '0'], /^millrace: epsilon: 0 is not in \[0\.0001, 100\]\n$/],
    [undefined, [...by, '1'], /^millrace: the call has no token.* that is known here\n$/],
  ];
  const results = await Promise.all(cases.map(([who, args]) => privacy(who, ...args)));
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(cases[i][2]);
  }
  expect(await linesOfLedger()).toEqual(before);
});

test('a clock that was set back, and a ledger that was altered, are said by what has to be put right', async () => {
  const folder = join(place.home, 'privacy');
  const charge = {
    analyst: 'cleo',
    windows: ['2026-11'],
    loss: { pure: [{ epsilon: 0.5, times: 1 }], rho: 0, delta: 0 },
    query: 'a test',
  };
  await opened[Symbol.asyncDispose]();
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 3_600_000);
  const ledger = await Ledger.open(folder);
  await ledger.charge(charge, { epsilon: 1, delta: 0 });
  await ledger.close();
  clock.mockRestore();
  const before = await linesOfLedger();
  opened = await openLogging(place.home, 'socket', place.settings, opened.address);
  const days = { fromDate: '2026-11-01', untilDate: '2026-11-02' };
  const request = QueryPrivateRequest.fromPartial({
    statistic: Statistic.STATISTIC_COUNT,
    epsilon: 0.25,
    ...days,
  });
  using channel = new Channel(opened.address, { token: 'cleo-token' });
  await expect(
    channel.client(contracts.privacy).queryPrivate(request, rootCall({ timeoutMs: 20_000 })),
  ).rejects.toMatchObject({
    reason: 'CLOCK_SET_BACK',
    code: 9,
    message: expect.stringMatching(/^the clock is before .*, when the ledger was last written$/),
  });
  expect(await linesOfLedger()).toEqual(before);
  await opened[Symbol.asyncDispose]();
  const path = join(folder, `ledger-${String(ledger.epoch).padStart(8, '0')}.jsonl`);
  await writeFile(path, (await readFile(path, 'utf8')).replace('"epsilon":0.5', '"epsilon":0.1'));
  opened = await openLogging(place.home, 'socket', place.settings, opened.address);
  const damaged = await privacy('cleo', 'query', 'count', ...DAYS, '--epsilon', '0.25');
  expect([damaged.code, damaged.stdout]).toEqual([1, '']);
  expect(damaged.stderr).toBe(
    `millrace: ${path}:2: what was granted is damaged or missing here; put the file back as it was\n`,
  );
});
