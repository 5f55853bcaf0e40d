import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { pino } from 'pino';
import type { Gauge } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { GetBudgetResponse } from '../../gen/millrace/logging/v1/logging.ts';
import { TestAuthority, tlsSettings } from '../../test/support/certificates.ts';
import { healthOf } from '../../test/support/health.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { pause } from '../clock.ts';
import { ConfigSource } from '../config.ts';
import { createLogger } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import { Access, accessSchema } from './access.ts';
import { rootCall } from './call.ts';
import { Channel } from './client.ts';
import { RpcServer } from './server.ts';
import { contracts, type PrivacyService } from './services.ts';
import { Tls } from './tls.ts';

const HERE = ['DNS:localhost', 'IP:127.0.0.1'];
const DAY_MS = 86_400_000;
const TIMEOUT_MS = 5_000;
const log = createLogger('test');

let folder: Awaited<ReturnType<typeof temporaryHome>>;
const ours = new TestAuthority('ours');
const theirs = new TestAuthority('theirs');
/** Settings of the server and of clients by name. */
const settings: Record<string, Record<string, string>> = {};

beforeAll(async () => {
  folder = await temporaryHome();
  const issue = async (name: string, authority: TestAuthority, names: string[]): Promise<void> => {
    settings[name] = await authority.issueInto(join(folder.home, name), name, { commonName: name, names });
  };
  await issue('server', ours, HERE);
  await issue('ana', ours, ['URI:spiffe://shop/ana, DNS:olga']);
  await issue('unlisted', ours, ['DNS:elsewhere']);
  await issue('stranger', theirs, HERE);
});
afterAll(() => folder[Symbol.asyncDispose]());

const tlsOf = (variables: Record<string, string>): Tls | undefined =>
  Tls.of(new ConfigSource({ MILLRACE_HOME: folder.home, ...variables }));

/** Answers who calls. */
const privacy: PrivacyService = {
  getBudget: async (_, { caller }) => GetBudgetResponse.fromPartial({ analyst: caller?.name ?? 'nobody' }),
  queryPrivate: () => {
    throw new Error('nobody queries');
  },
};

const ANALYSTS = {
  certificates: [
    { name: 'ana', subject: 'URI:spiffe://shop/ana, DNS:olga', roles: ['analyse'] },
    { name: 'olga', subject: 'DNS:olga', roles: ['operate'] },
    { name: 'server', subject: 'CN:server', roles: ['operate', 'serve'] },
  ],
};

async function serve(
  variables: Record<string, string>,
  { access = ANALYSTS, at = '127.0.0.1:0' }: { access?: object; at?: string } = {},
): Promise<{ address: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = new RpcServer({
    log,
    access: new Access(accessSchema.parse(access)),
    credentials: tlsOf(variables)?.serverCredentials(),
  });
  server.add(contracts.privacy, privacy);
  const port = await server.listen(at);
  server.setServing(true);
  return { address: at.replace(/:0$/, `:${port}`), [Symbol.asyncDispose]: () => server.drain(100) };
}

async function whoCalls(address: string, variables: Record<string, string>): Promise<string> {
  using channel = new Channel(address, { tls: tlsOf(variables) });
  const call = rootCall({ timeoutMs: TIMEOUT_MS });
  return (await channel.client(contracts.privacy).getBudget({}, call)).analyst;
}

const withoutIdentity = ({ MILLRACE__TLS__ca }: Record<string, string>): Record<string, string> => ({
  MILLRACE__TLS__ca,
});
const authMode = (clientAuth: string): Record<string, string> => ({
  ...settings.server,
  ...tlsSettings({ clientAuth }),
});
const UNREACHED = { reason: 'STAGE_UNAVAILABLE' };
const UNKNOWN = { reason: 'ACCESS_TOKEN_UNKNOWN' };

describe('a server that requires certificates', () => {
  let server: Awaited<ReturnType<typeof serve>>;
  beforeAll(async () => {
    server = await serve(settings.server);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('knows the caller by the certificate, by a name that it has as a whole', async () => {
    expect(await whoCalls(server.address, settings.ana)).toBe('ana');
  });

  test('refuses connections that are plain, without a certificate, or with one of another authority', async () => {
    await expect(whoCalls(server.address, {})).rejects.toMatchObject({
      ...UNREACHED,
      message: expect.stringMatching(/^no connection: .*`tls` is not configured here/),
    });
    await expect(whoCalls(server.address, withoutIdentity(settings.server))).rejects.toMatchObject({
      ...UNREACHED,
      message: expect.stringMatching(/^no connection: .*certificate required \(the server wants .*\)$/),
    });
    const { MILLRACE__TLS__ca } = settings.server;
    await expect(whoCalls(server.address, { ...settings.stranger, MILLRACE__TLS__ca })).rejects.toMatchObject(
      UNREACHED,
    );
  });

  test('is itself refused by who trusts another authority, which the error says', async () => {
    const { MILLRACE__TLS__ca } = settings.stranger;
    await expect(whoCalls(server.address, { ...settings.ana, MILLRACE__TLS__ca })).rejects.toMatchObject({
      ...UNREACHED,
      message: expect.stringMatching(/^no connection: [^:]*(unable to verify|self-signed|issuer)[^:]*$/),
    });
  });

  test('does not let a certificate do what its roles do not have, or one that nobody listed do anything', async () => {
    await expect(whoCalls(server.address, settings.server)).rejects.toMatchObject({
      reason: 'ROLE_MISSING',
      metadata: { role: 'analyse' },
    });
    await expect(whoCalls(server.address, settings.unlisted)).rejects.toMatchObject(UNKNOWN);
  });

  test('reads a certificate once a connection, not at each of its calls', async () => {
    using reads = vi.spyOn(TLSSocket.prototype, 'getPeerCertificate');
    using channel = new Channel(server.address, { tls: tlsOf(settings.ana) });
    const ask = () => channel.client(contracts.privacy).getBudget({}, rootCall({ timeoutMs: TIMEOUT_MS }));
    await ask();
    const first = reads.mock.calls.length;
    for (let n = 0; n < 5; n++) expect((await ask()).analyst).toBe('ana');
    expect(reads.mock.calls.length).toBe(first);
    expect(await whoCalls(server.address, settings.unlisted).catch(({ reason }) => reason)).toBe(
      'ACCESS_TOKEN_UNKNOWN',
    );
  });

  test('answers health checks over the same connection, and only there', async () => {
    expect(await healthOf(server.address, contracts.privacy.name, tlsOf(settings.unlisted))).toBe('SERVING');
    await expect(healthOf(server.address)).rejects.toThrow();
  });
});

test('where certificates are requested one may come without, and one that cannot be verified is none', async () => {
  await using server = await serve(authMode('request'));
  expect(await whoCalls(server.address, settings.ana)).toBe('ana');
  const { MILLRACE__TLS__ca } = settings.server;
  await expect(whoCalls(server.address, { MILLRACE__TLS__ca })).rejects.toMatchObject(UNKNOWN);
  await using forged = await temporaryHome();
  const impostor = await theirs.issueInto(forged.home, 'ana', {
    commonName: 'server',
    names: ['URI:spiffe://shop/ana, DNS:olga'],
  });
  await expect(whoCalls(server.address, { ...impostor, MILLRACE__TLS__ca })).rejects.toMatchObject(UNKNOWN);
  await expect(whoCalls(server.address, {})).rejects.toMatchObject(UNREACHED);
});

test('where none are asked for, connections are encrypted and callers known by tokens alone', async () => {
  const { MILLRACE__TLS__ca, ...identity } = settings.server;
  await using server = await serve({ ...identity, ...tlsSettings({ clientAuth: 'none' }) }, { access: {} });
  expect(await whoCalls(server.address, { MILLRACE__TLS__ca })).toBe('nobody');
  expect(await whoCalls(server.address, settings.ana)).toBe('nobody');
  await expect(whoCalls(server.address, {})).rejects.toMatchObject(UNREACHED);
});

test("a server's certificate has to name its address, or the name that is configured", async () => {
  const elsewhere = { ...settings.unlisted, ...tlsSettings({ clientAuth: 'request' }) };
  await using server = await serve(elsewhere);
  await expect(whoCalls(server.address, settings.ana)).rejects.toMatchObject({
    ...UNREACHED,
    message: expect.stringContaining("IP: 127.0.0.1 is not in the cert's list"),
  });
  const serverName = (name: string) => ({ ...settings.ana, ...tlsSettings({ serverName: name }) });
  expect(await whoCalls(server.address, serverName('elsewhere'))).toBe('ana');
  await expect(whoCalls(server.address, serverName('localhost'))).rejects.toMatchObject(UNREACHED);
});

test('a socket in the file system is encrypted like any other, as localhost', async () => {
  await using server = await serve(settings.server, { at: `unix:${join(folder.home, 's.sock')}` });
  expect(await whoCalls(server.address, settings.ana)).toBe('ana');
  await expect(whoCalls(server.address, {})).rejects.toMatchObject(UNREACHED);
});

describe('files that are replaced while a server runs', () => {
  /** Until `ask` answers what is awaited; the last answer is in the failure. */
  async function until(ask: () => Promise<string>, awaited: string): Promise<void> {
    const endMs = Date.now() + 10_000;
    for (;;) {
      const found = await ask().catch(({ reason }) => reason);
      if (found === awaited || Date.now() > endMs) return expect(found).toBe(awaited);
      await pause(50);
    }
  }
  const gauge = async (metric: Gauge): Promise<number> => (await metric.get()).values[0].value;
  const refusals = async (): Promise<string> => String(await gauge(metrics.tlsRefused));

  async function replace(path: string, content: string): Promise<void> {
    await writeFile(`${path}.new`, content, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  test('are those of the next connection, in server and channel; a key of another certificate is not taken', async () => {
    const place = join(folder.home, 'rotating');
    const rotating = await ours.issueInto(place, 'server', { commonName: 'server', names: HERE });
    const [ca, cert, key] = ['ca.pem', 'server.pem', 'server.key'].map((name) => join(place, name));
    await using server = await serve(rotating);
    using channel = new Channel(server.address, { tls: tlsOf(settings.ana) });
    const asked = () =>
      channel
        .client(contracts.privacy)
        .getBudget({}, rootCall({ timeoutMs: TIMEOUT_MS }))
        .then(({ analyst }) => analyst);
    expect(await asked()).toBe('ana');

    const next = theirs.issue({ commonName: 'server', names: HERE });
    await replace(cert, next.cert);
    await replace(ca, theirs.cert);
    // The key is still that of the older certificate: nothing changes, not even the authority.
    await until(refusals, '1');
    expect(await whoCalls(server.address, settings.ana)).toBe('ana');

    await replace(key, next.key);
    const { MILLRACE__TLS__ca } = settings.stranger;
    await until(() => whoCalls(server.address, settings.ana), 'STAGE_UNAVAILABLE');
    expect(await refusals()).toBe('0');
    const listed = theirs.issueInto(join(folder.home, 'ana-2'), 'ana', {
      commonName: 'ana',
      names: ['URI:spiffe://shop/ana, DNS:olga'],
    });
    expect(await whoCalls(server.address, { ...(await listed), MILLRACE__TLS__ca })).toBe('ana');
    // A connection that was there before goes on.
    expect(await asked()).toBe('ana');
  });

  test('say until when they are valid, by the certificate of the chain that expires first', async () => {
    const place = join(folder.home, 'short');
    const validUntilMs = Math.floor(Date.now() / 1000) * 1000 + 60_000;
    const variables = await ours.issueInto(place, 'leaf', { commonName: 'leaf' });
    const soon = ours.issue({ commonName: 'soon', validUntilMs });
    const path = join(place, 'leaf.pem');
    await writeFile(path, `${await readFile(path, 'utf8')}${soon.cert}`);
    tlsOf(variables);
    expect(await gauge(metrics.tlsValidUntil)).toBe(validUntilMs / 1000);
  });

  test('of a client are those of its next connection', async () => {
    const place = join(folder.home, 'client');
    const at = join(place, 'address.sock');
    const client = await theirs.issueInto(place, 'client', { commonName: 'x' });
    await replace(join(place, 'ca.pem'), ours.cert);
    await using _server = await serve(settings.server, { at: `unix:${at}` });
    using channel = new Channel(`unix:${at}`, { tls: tlsOf(client) });
    const asked = () =>
      channel
        .client(contracts.privacy)
        .getBudget({}, rootCall({ timeoutMs: TIMEOUT_MS }))
        .then(({ analyst }) => analyst);
    await until(asked, 'STAGE_UNAVAILABLE');
    const next = ours.issue({ commonName: 'x', names: ['URI:spiffe://shop/ana, DNS:olga'] });
    await replace(join(place, 'client.pem'), next.cert);
    await replace(join(place, 'client.key'), next.key);
    await until(asked, 'ana');
  });
});

describe('a fault', () => {
  const files = () => join(folder.home, 'faults');
  const place = (name: string): string => join(files(), name);
  const nowMs = Date.now();
  beforeAll(async () => {
    await mkdir(files());
    const good = ours.issue({ commonName: 'good', names: HERE });
    const old = ours.issue({
      commonName: 'old',
      validFromMs: nowMs - 3 * DAY_MS,
      validUntilMs: nowMs - DAY_MS,
    });
    const early = ours.issue({
      commonName: 'early',
      validFromMs: nowMs + DAY_MS,
      validUntilMs: nowMs + 2 * DAY_MS,
    });
    const locked = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    });
    const contents = {
      'good.pem': good.cert,
      'good.key': good.key,
      'other.key': ours.issue({ commonName: 'other' }).key,
      'old.pem': old.cert,
      'old.key': old.key,
      'early.pem': early.cert,
      'early.key': early.key,
      'locked.key': locked.toString(),
      'text.pem': 'no certificate',
      'cut.pem': good.cert.replace(/\n.{64}\n/, '\n'),
    };
    for (const [name, content] of Object.entries(contents))
      await writeFile(place(name), content, { mode: 0o600 });
  });

  test.each([
    [
      { cert: 'good.pem', key: 'gone.key' },
      /^configuration: tls\.key: .*\/faults\/gone\.key: there is no such file$/,
    ],
    [{ cert: '.', key: 'good.key' }, /tls\.cert: .*\/faults: EISDIR/],
    [{ cert: 'text.pem', key: 'good.key' }, /tls\.cert: .*text\.pem: no PEM certificate is in it$/],
    [{ cert: 'cut.pem', key: 'good.key' }, /tls\.cert: .*cut\.pem: certificate 1 cannot be read/],
    [{ cert: 'good.key', key: 'good.key' }, /tls\.cert: .*good\.key: no PEM certificate/],
    [{ cert: 'good.pem', key: 'good.pem' }, /tls\.key: .*good\.pem: no PEM private key/],
    [
      { cert: 'good.pem', key: 'locked.key' },
      /tls\.key: .*locked\.key: no PEM private key without a passphrase/,
    ],
    [{ cert: 'good.pem', key: 'other.key' }, /tls\.key: .*other\.key: is not the private key of the first/],
    [{ cert: 'old.pem', key: 'old.key' }, /tls\.cert: .*old\.pem: the certificate of CN=old expired at 20/],
    [{ cert: 'early.pem', key: 'early.key' }, /tls\.cert: .*early\.pem: .* is not valid before 20/],
    [{ ca: 'old.pem' }, /tls\.ca: .*old\.pem: the certificate of CN=old expired/],
    [{ ca: 'good.key' }, /tls\.ca: .*good\.key: no PEM certificate/],
  ])('in the files %j is named with field and file', (fields: Record<string, string>, message) => {
    const paths = Object.fromEntries(
      Object.entries(fields).map(([field, name]) => [field, join('faults', name)]),
    );
    expect(() => tlsOf(tlsSettings(paths))).toThrow(
      expect.objectContaining({ reason: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });

  test.each([
    [{ cert: 'x' }, 'configuration: tls.key: is missing; tls.cert needs it'],
    [{ key: 'x' }, 'configuration: tls.cert: is missing; tls.key belongs to it'],
    [
      { clientAuth: 'none' },
      'configuration: tls.cert: is missing, and so is tls.ca; nothing would be encrypted',
    ],
    [{ ca: 'x', clientAuth: 'always' }, 'configuration: tls.clientAuth: '],
    [{ ca: 'x', serverName: '10.0.0.1' }, 'configuration: tls.serverName: expected a DNS name'],
    [{ ca: 'x', certificate: 'y' }, 'configuration: tls: '],
  ])('in the section %j is named', (fields: Record<string, string>, message) => {
    expect(() => tlsOf(tlsSettings(fields))).toThrow(message);
  });

  test('of a server that has no certificate, or nothing to check others by, is named', () => {
    const { MILLRACE__TLS__ca, ...identity } = settings.server;
    expect(() => tlsOf({ MILLRACE__TLS__ca })?.serverCredentials()).toThrow('tls.cert: is missing');
    expect(() => tlsOf(identity)?.serverCredentials()).toThrow('tls.ca: is missing; tls.clientAuth require');
  });

  test('is no key that everyone can read, but a warning is', async () => {
    const warnings: string[] = [];
    const quiet = pino(
      { level: 'warn' },
      { write: (line: string) => void warnings.push(JSON.parse(line).msg) },
    );
    const source = new ConfigSource({ MILLRACE_HOME: folder.home, ...settings.server });
    Tls.of(source, quiet);
    expect(warnings).toEqual([]);
    const path = join(folder.home, 'server', 'server.key');
    await chmod(path, 0o644);
    Tls.of(source, quiet);
    await chmod(path, 0o600);
    expect(warnings).toEqual([`tls.key: ${path}: everyone on this machine can read the private key`]);
    expect(await readFile(path, 'utf8')).toContain('PRIVATE KEY');
  });
});
