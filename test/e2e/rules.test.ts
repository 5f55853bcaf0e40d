import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Candidates, Columns } from '../../common/columns.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { contracts } from '../../common/rpc/services.ts';
import { RecommendRequest } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { DegradedReason, RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { OneProcess } from '../support/one-process.ts';
import { freePorts } from '../support/ports.ts';
import { Processes } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';

vi.setConfig({ testTimeout: 120_000 });
const POLL = { timeout: 20_000, interval: 50 };
const call = () => rootCall({ timeoutMs: 10_000 });

let folder: Awaited<ReturnType<typeof temporaryHome>>;
beforeEach(async () => {
  folder = await temporaryHome();
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Puts a rule file in place of the one that is there, as an editor does. */
async function save(...rules: string[]): Promise<void> {
  const path = join(folder.home, 'rules.yaml');
  await writeFile(`${path}.new`, `rules:\n${rules.map((rule) => `  - ${rule}\n`).join('')}`);
  await rename(`${path}.new`, path);
}

const pin = (item: string) => `{name: pinned, match: {ids: ${item}}, then: {pin: {position: 1}}}`;

test('a rule file is in force as soon as it is saved, a refused one leaves the older rules, and both are told', async () => {
  await makeTinyHome(folder.home);
  await save(pin('item-7'));
  const [port] = await freePorts(1);
  const env = { MILLRACE__TELEMETRY__METRICS_PORT: `${port}` };
  await using quiet = await Processes.start({ home: folder.home }, { names: ['logging', 'features'] });
  await using processes = await Processes.start(
    { home: folder.home, env },
    { names: ['reranking'], addresses: quiet.addresses },
  );
  using channel = new Channel(processes.addresses.reranking);
  const reranking = channel.client(contracts.reranking);
  const stage = channel.client(contracts.stage);
  const items = Uint32Array.from({ length: 20 }, (_, item) => item);
  const scores = Float32Array.from(items, (item) => 1 - item / 20);
  const slate = async () => {
    const candidates = new Candidates(items, new Map([[Columns.ranking, scores]]));
    const response = await reranking.rerank(
      { context: RequestContext.create(), candidates, limit: 3, policy: '' },
      call(),
    );
    const firings = response.firings.map(({ rule, effect, item }) => `${rule}: ${effect} ${item}`);
    return { first: response.candidates.items[0], firings, version: response.policyVersion };
  };
  const metric = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const stopping = new AbortController();
  const versions: string[] = [];
  const watching = (async () => {
    for await (const { version } of reranking.watchPolicy(
      { version: '' },
      rootCall({ signal: stopping.signal }),
    ))
      versions.push(version);
  })().catch(() => {});

  const before = await slate();
  expect(before).toMatchObject({ first: 7, firings: ['pinned: pin 7'] });
  await save(pin('item-8'));
  await expect.poll(async () => (await slate()).first, POLL).toBe(8);
  const after = await slate();
  expect(after.version).not.toBe(before.version);
  await expect.poll(() => versions, POLL).toEqual([before.version, after.version]);

  await save(pin('item-9'), '{name: pinned, match: {ids: item-9}, then: {boost: {factor: .nan}}}');
  const faults = async () => (await stage.describe({}, call())).faults.join('\n').split('\n');
  await expect
    .poll(faults, POLL)
    .toEqual([expect.stringMatching(/^rules.yaml:3:.*"pinned": then.boost.factor: .*NaN/)]);
  expect(await slate()).toEqual(after);
  expect(await metric()).toContain('millrace_rules_refused 1');

  await save('{name: all, match: {categories: Western}, then: {exclude: true}}', pin('item-5'));
  await expect
    .poll(faults, POLL)
    .toEqual(['rules.yaml:3:5: rule "pinned": pins item "item-5", which "all" excludes']);
  expect(await slate()).toEqual(after);

  await save(pin('item-7'));
  await expect.poll(async () => (await slate()).first, POLL).toBe(7);
  expect((await slate()).version).toBe(before.version);
  expect(await faults()).toEqual(['']);
  expect(await metric()).toContain('millrace_rules_refused 0');
  stopping.abort();
  await watching;
});

test('a service whose rule file is refused does not start, and says where and why', async () => {
  await makeTinyHome(folder.home);
  await save(pin('item-7'), '{name: pinned, match: {ids: item-9}, then: {pin: {position: 900}}}');
  const started = Processes.start({ home: folder.home }, { names: ['reranking'] });
  await expect(started).rejects.toThrow(/rules.yaml:3:.*then.pin.position: Too big/);
});

test('no item that a rule excludes fills up a list that comes out short, the popular ones included', async () => {
  await makeTinyHome(folder.home);
  const others = '[Western, Space, Romance, Crime]';
  await save(
    `{name: nature only, when: {surface: kids}, match: {categories: ${others}}, then: {exclude: true}}`,
  );
  const env = { MILLRACE__ORCHESTRATOR__CANDIDATES: '10' };
  await using one = await OneProcess.start(folder.home, env);
  using channel = new Channel(one.address);
  const door = channel.client(contracts.orchestrator);
  const ask = (surface: string) =>
    door.recommend(
      RecommendRequest.fromPartial({ userId: 'user-1', limit: 20, context: { surface } }),
      call(),
    );
  const genreOf = ({ itemId }: { itemId: string }) => Number(itemId.split('-')[1]) % 5;
  expect(new Set((await ask('home')).items.map(genreOf)).size).toBeGreaterThan(1);
  const kids = await ask('kids');
  expect(new Set(kids.items.map(genreOf))).toEqual(new Set([4]));
  expect(kids.degraded).toContain(DegradedReason.DEGRADED_REASON_UNDERFILLED);
  const recorded = async () => {
    const { decision } = await door.getDecision({ requestId: kids.requestId }, call());
    return decision?.firings ?? [];
  };
  await expect
    .poll(() => recorded().catch(() => []), POLL)
    .toContainEqual(expect.stringMatching(/^nature only: exclude item-\d+$/));
});
