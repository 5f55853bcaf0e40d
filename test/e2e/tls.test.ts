import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { ConfigSource } from '../../common/config.ts';
import type { MillraceError } from '../../common/errors.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { Tls } from '../../common/rpc/tls.ts';
import { runService } from '../../common/service.ts';
import { QueryPrivateRequest, Statistic } from '../../gen/millrace/logging/v1/logging.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { createLogging } from '../../services/logging/server.ts';
import { TestAuthority, tlsSettings } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { healthOf } from '../support/health.ts';
import { Processes } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

vi.setConfig({ testTimeout: 120_000 });
const NAME = 'millrace.internal';
const call = () => rootCall({ timeoutMs: 20_000 });

const ACCESS = {
  certificates: [
    { name: 'millrace', subject: `DNS:${NAME}`, roles: ['serve', 'operate', 'raw'] },
    { name: 'shop', subject: 'URI:spiffe://example/shop', roles: ['serve'] },
    { name: 'ana', subject: 'CN:Ana', roles: ['analyse'] },
  ],
};

let folder: Awaited<ReturnType<typeof temporaryHome>>;
/** Settings of clients by name. */
const settings: Record<string, Record<string, string>> = {};

beforeAll(async () => {
  folder = await temporaryHome();
  await makeTinyHome(folder.home);
  const authority = new TestAuthority();
  const place = join(folder.home, 'tls');
  const issue = async (name: string, authority: TestAuthority, names: string[]): Promise<void> => {
    const files = await authority.issueInto(join(folder.home, 'tls', name), name, {
      commonName: name,
      names,
    });
    settings[name] = { ...files, ...tlsSettings({ serverName: NAME }) };
  };
  await authority.issueInto(place, 'millrace', { commonName: 'services', names: [`DNS:${NAME}`] });
  await issue('shop', authority, ['URI:spiffe://example/shop']);
  await issue('Ana', authority, []);
  await issue('guest', authority, []);
  const tls = { cert: 'tls/millrace.pem', key: 'tls/millrace.key', ca: 'tls/ca.pem', serverName: NAME };
  const privacy = { epsilon: 2 };
  await writeFile(join(folder.home, 'millrace.yaml'), stringify({ tls, access: ACCESS, privacy }));
});
afterAll(() => folder[Symbol.asyncDispose]());

const configOf = (variables: Record<string, string> = {}): ConfigSource =>
  new ConfigSource({ MILLRACE_HOME: folder.home, ...variables });

async function as<T>(name: string, address: string, ask: (channel: Channel) => Promise<T>): Promise<T> {
  using channel = new Channel(address, { tls: Tls.of(configOf(settings[name])) });
  return await ask(channel);
}

describe('a logging service that knows certificates', () => {
  let address: string;
  let running: Awaited<ReturnType<typeof runService>>;
  beforeAll(async () => {
    const config = configOf({ MILLRACE__ADDRESSES__LOGGING: '127.0.0.1:0' });
    running = await runService('logging', createLogging, { config });
    address = `127.0.0.1:${running.port}`;
  });
  afterAll(() => running.stop());

  const query = (channel: Channel) =>
    channel.client(contracts.privacy).queryPrivate(
      QueryPrivateRequest.fromPartial({
        statistic: Statistic.STATISTIC_COUNT,
        fromDate: '2026-11-01',
        untilDate: '2026-11-02',
        epsilon: 0.5,
      }),
      call(),
    );

  test("charges a query to the certificate's name in the ledger", async () => {
    const { budgets } = await as('Ana', address, query);
    expect(budgets).toMatchObject([{ window: '2026-11', epsilonSpent: expect.closeTo(0.5, 4), queries: 1 }]);
    const spent = await as('Ana', address, (channel) =>
      channel.client(contracts.privacy).getBudget({}, call()),
    );
    expect(spent.analyst).toBe('ana');
    const place = join(folder.home, 'privacy');
    const ledger = (await readdir(place)).find((name) => /^ledger-\d+\.jsonl$/.test(name)) as string;
    expect(await readFile(join(place, ledger), 'utf8')).toContain('"ana"');
  });

  test('refuses by role who has another certificate, and all who have none that is listed', async () => {
    await expect(as('shop', address, query)).rejects.toMatchObject({
      reason: 'ROLE_MISSING',
      metadata: { role: 'analyse' },
    });
    await expect(as('guest', address, query)).rejects.toMatchObject({ reason: 'ACCESS_TOKEN_UNKNOWN' });
    const decision = (name: string) =>
      as(name, address, (channel) =>
        channel.client(contracts.logging).getDecision({ requestId: 'r' }, call()),
      );
    await expect(decision('Ana')).rejects.toMatchObject({
      reason: 'ROLE_MISSING',
      metadata: { role: 'raw' },
    });
  });
});

test.each([
  ['without TLS', {}],
  [
    'where clients are not asked for certificates',
    { cert: 'tls/millrace.pem', key: 'tls/millrace.key', clientAuth: 'none' },
  ],
])('a service whose access lists certificates does not start %s', async (_, fields) => {
  await using bare = await temporaryHome();
  const absolute = Object.entries(fields).map(([field, value]) => [
    field,
    value === 'none' ? value : join(folder.home, value),
  ]);
  const config = new ConfigSource({
    MILLRACE_HOME: bare.home,
    MILLRACE__ADDRESSES__LOGGING: '127.0.0.1:0',
    MILLRACE__ACCESS: JSON.stringify(ACCESS),
    ...tlsSettings(Object.fromEntries(absolute)),
  });
  const start = runService('logging', createLogging, { config });
  await expect(start).rejects.toMatchObject({
    reason: 'CONFIG_INVALID',
    message: expect.stringContaining('access.certificates: want tls with clientAuth require or request'),
  });
});

test('a split installation answers whole with certificates between all services, and the command line asks with its own', async () => {
  const env = { MILLRACE__ORCHESTRATOR__DEADLINE_MS: '10000' };
  await using processes = await Processes.start({ home: folder.home, env });
  const { addresses } = processes;
  const recommend = (name: string) =>
    as(name, addresses.orchestrator, (channel) =>
      channel
        .client(contracts.orchestrator)
        .recommend(RecommendRequest.fromPartial({ userId: 'user-3', limit: 5 }), call()),
    );
  const { items, degraded } = await recommend('shop');
  expect([items.length, degraded]).toEqual([5, []]);
  await expect(recommend('guest')).rejects.toMatchObject({ reason: 'ACCESS_TOKEN_UNKNOWN' });
  await expect(recommend('Ana')).rejects.toMatchObject({
    reason: 'ROLE_MISSING',
  } satisfies Partial<MillraceError>);
  for (const address of Object.values(addresses)) await expect(healthOf(address)).rejects.toThrow();

  const where = {
    MILLRACE__ADDRESSES__ORCHESTRATOR: addresses.orchestrator,
    MILLRACE__ADDRESSES__FEATURES: addresses.features,
  };
  const asked = await runCli(['ask', 'user-3', '--limit', '2'], folder.home, { ...where, ...settings.shop });
  expect([asked.code, asked.stderr]).toEqual([0, '']);
  expect(asked.stdout).toContain('bundle tiny-1');
  const budget = await runCli(['privacy', 'budget'], folder.home, {
    ...where,
    MILLRACE__ADDRESSES__LOGGING: addresses.logging,
    ...settings.Ana,
  });
  expect([budget.code, budget.stderr]).toEqual([0, 'the budget of ana\n']);
});

test('a fault of the files ends the start with 2 and is named', async () => {
  const broken = { MILLRACE__TLS__KEY: JSON.stringify('tls/Ana/Ana.key') };
  const { code, stderr } = await runCli(['serve', 'logging'], folder.home, broken);
  expect(code).toBe(2);
  expect(stderr).toBe(
    `configuration: tls.key: ${join(folder.home, 'tls/Ana/Ana.key')}: is not the private key of the first certificate in tls.cert\n`,
  );
});
