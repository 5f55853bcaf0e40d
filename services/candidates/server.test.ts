import { afterAll, beforeAll, expect, test } from 'vitest';
import { Part } from '../../common/bundle/manifest.ts';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { Candidates, Columns, firstNonFinite } from '../../common/columns.ts';
import { ConfigSource } from '../../common/config.ts';
import { ItemCounters } from '../../common/features/item-counters.ts';
import { Random } from '../../common/random.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { inMemory } from '../../common/rpc/memory.ts';
import { RpcServer } from '../../common/rpc/server.ts';
import { type CandidatesService, contracts } from '../../common/rpc/services.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { anonymousUser, encodeUser, type User } from '../../common/user-state.ts';
import { RequestContext } from '../../gen/millrace/type/v1/type.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { makeTinyBundle, type TinyBundle } from '../../test/support/tiny-bundle.ts';
import { TinyFeatures } from '../../test/support/tiny-features.ts';
import { tinyItem, tinyUser } from '../../test/support/tiny-world.ts';
import { candidatesSchema } from './config.ts';
import { createCandidates } from './server.ts';

const log = createLogger('test');
type Request = Parameters<CandidatesService['retrieve']>[0];

/** The service over its own catalogue, called in memory and over a socket, following the features service over a socket. */
class Running implements AsyncDisposable {
  readonly world: TinyBundle;
  readonly features: TinyFeatures;
  readonly memory: CandidatesService;
  readonly socket: CandidatesService;
  readonly #stop: () => Promise<void>;

  private constructor(
    world: TinyBundle,
    features: TinyFeatures,
    services: { memory: CandidatesService; socket: CandidatesService },
    stop: () => Promise<void>,
  ) {
    this.world = world;
    this.features = features;
    this.memory = services.memory;
    this.socket = services.socket;
    this.#stop = stop;
  }

  static async start(settings: Record<string, string> = {}): Promise<Running> {
    const folder = await temporaryHome();
    const world = await makeTinyBundle(folder.home);
    const bundle = await world.store.open('tiny-1');
    const features = new TinyFeatures(Catalogue.read(await bundle.read(Part.catalogue)));
    const server = new RpcServer({ log });
    server.add(contracts.features, features);
    const upstream = new Channel(`127.0.0.1:${await server.listen('127.0.0.1:0')}`);
    const config = new ConfigSource({ MILLRACE_HOME: folder.home, ...settings });
    const component = await createCandidates(
      { config, log },
      { features: upstream.client(contracts.features) },
    );
    const front = new RpcServer({ log });
    for (const service of component.services) service.addTo(front);
    const channel = new Channel(`127.0.0.1:${await front.listen('127.0.0.1:0')}`);
    await new Promise<void>((resolve) => component.watchServing((serving) => serving && resolve()));
    const memory = inMemory(contracts.candidates, component.implementation);
    const socket = channel.client(contracts.candidates);
    return new Running(world, features, { memory, socket }, async () => {
      channel.close();
      await front.drain(500);
      await component.close();
      upstream.close();
      await server.drain(500);
      await folder[Symbol.asyncDispose]();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stop();
  }

  request(user: User, fields: Partial<Request> = {}, context: Partial<RequestContext> = {}): Request {
    const { nowMs } = this.world;
    return {
      context: RequestContext.fromPartial({ userState: encodeUser(user), timeMs: nowMs, ...context }),
      limit: 40,
      seeds: Candidates.empty,
      sources: [],
      excluded: Candidates.empty,
      ...fields,
    };
  }
}

let running: Running;
beforeAll(async () => {
  running = await Running.start();
});
afterAll(() => running[Symbol.asyncDispose]());

const call = () => rootCall({ timeoutMs: 5_000 });

function checkAnswer({ items, columns }: Candidates, limit: number): void {
  expect(items.length).toBeLessThanOrEqual(limit);
  expect(new Set(items).size).toBe(items.length);
  const rrf = columns.get(Columns.rrf) as Float32Array;
  for (const values of columns.values()) expect(firstNonFinite(values)).toBe(-1);
  for (let row = 1; row < items.length; row++) {
    const tie = rrf[row] === rrf[row - 1] && items[row] > items[row - 1];
    expect(rrf[row] < rrf[row - 1] || tie).toBe(true);
  }
}

test('equal bits in memory and over a socket, for everybody, every time', async () => {
  for (let row = 0; row < 20; row++) {
    const request = running.request(tinyUser(running.world, row), { limit: 60 });
    const near = await running.memory.retrieve(request, call());
    const far = await running.socket.retrieve(request, call());
    const again = await running.memory.retrieve(request, call());
    checkAnswer(near.candidates, 60);
    expect(far.candidates).toEqual(near.candidates);
    expect(again.candidates).toEqual(near.candidates);
    expect(near.status).toMatchObject({ stage: 'candidates', bundle: 'tiny-1', degraded: [] });
    const names = near.sources.map(({ name }) => name);
    expect(names).toEqual(['ials', 'item_to_item', 'bm25', 'popularity', 'fresh']);
    expect([...near.candidates.columns.keys()].sort()).toEqual(
      [
        'retrieval.rrf',
        ...names.flatMap((name) => [`retrieval.${name}.rank`, `retrieval.${name}.score`]),
      ].sort(),
    );
  }
});

test('a newcomer gets what is popular; a user of many genres’ items gets nothing already seen', async () => {
  const cold = await running.memory.retrieve(running.request(anonymousUser), call());
  const popular = await running.world.store.open('tiny-1').then((bundle) => bundle.read(Part.fallback));
  const top = new Uint32Array(popular.buffer.slice(popular.byteOffset, popular.byteOffset + 40 * 4));
  expect([...cold.candidates.items]).toEqual([...top]);
  expect(cold.sources.map(({ name }) => name)).toEqual(['popularity', 'fresh']);
  const user = tinyUser(running.world, 3);
  const warm = await running.memory.retrieve(running.request(user), call());
  expect([...warm.candidates.items].some((item) => user.seen.includes(item))).toBe(false);
});

test('seeds are the query', async () => {
  const seeds = new Candidates(Uint32Array.of(7, 4_000_000));
  const { candidates, sources } = await running.socket.retrieve(
    running.request(anonymousUser, { seeds, limit: 10 }),
    call(),
  );
  expect(candidates.count).toBe(10);
  expect([...candidates.items]).not.toContain(7);
  expect(candidates.items.filter((item) => item % 5 === 2).length).toBeGreaterThan(5);
  expect(sources.map(({ name }) => name)).toEqual(['ials', 'item_to_item', 'bm25']);
});

test('only the sources named are asked', async () => {
  const request = running.request(tinyUser(running.world, 3), { sources: ['bm25'], limit: 100 });
  const { candidates, sources } = await running.memory.retrieve(request, call());
  expect(sources.map(({ name, count }) => [name, count])).toEqual([['bm25', candidates.count]]);
  expect([...candidates.column('retrieval.bm25.rank')]).toEqual(
    [...candidates.items.keys()].map((i) => i + 1),
  );
});

test.each([
  [{ limit: 0 }, {}, 'LIMIT_OUT_OF_RANGE', 'limit'],
  [{ limit: 10_001 }, {}, 'LIMIT_OUT_OF_RANGE', 'limit'],
  [{ sources: ['ials', 'ghost'] }, {}, 'SOURCE_UNKNOWN', 'sources[1]'],
  [
    { seeds: new Candidates(Uint32Array.from({ length: 1_001 }, (_, i) => i)) },
    {},
    'FIELD_INVALID',
    'seeds.count',
  ],
  [{}, { userState: Buffer.from([255, 1, 2]) }, 'FIELD_INVALID', 'context.user_state'],
  [{}, { quality: Number.NaN }, 'FIELD_INVALID', 'context.quality'],
  [{}, { bundle: 'ghost' }, 'BUNDLE_NOT_LOADED', undefined],
])('refuses %o %o as %s and serves on', async (fields, context, reason, field) => {
  const bad = running.request(anonymousUser, fields as Partial<Request>, context as Partial<RequestContext>);
  const violations = field === undefined ? [] : [expect.objectContaining({ field })];
  await expect(running.socket.retrieve(bad, call())).rejects.toMatchObject({ reason, violations });
  const { candidates } = await running.socket.retrieve(
    running.request(anonymousUser, { limit: 10_000 }),
    call(),
  );
  expect(candidates.count).toBe(100);
});

test('low quality asks for less', async () => {
  const user = tinyUser(running.world, 3);
  const { sources } = await running.memory.retrieve(running.request(user, {}, { quality: 0.01 }), call());
  expect(sources.map(({ count }) => count)).toEqual([3, 2, 2, 2, 0]);
});

test('new items are retrievable by text and popularity at once, deleted ones never again', async () => {
  await using own = await Running.start();
  const { features, world } = own;
  const user = { ...tinyUser(world, 3), seen: new Uint32Array(0) };
  await expect
    .poll(async () => (await own.memory.retrieve(own.request(user), call())).status?.catalogueEpoch)
    .toBe(100);
  const item = { ...tinyItem(100, new Random(1)), title: 'Zeppelin over Timbuktu' };
  const ordinal = await features.upsert(item);
  await features.upsert({ ...item, id: 'item-101', text: '' });
  const seeds = new Candidates(Uint32Array.of(101));
  const similar = await own.socket.retrieve(own.request(user, { seeds, limit: 1 }), call());
  expect([...similar.candidates.items]).toEqual([ordinal]);
  expect(similar.status?.catalogueEpoch).toBe(102);
  const counts = new Float32Array(102);
  counts[ordinal] = 1_000;
  features.publish(new ItemCounters(1, { positive: counts }));
  const popular = own.request(anonymousUser, { sources: ['popularity'], limit: 1 });
  await expect
    .poll(async () => (await own.socket.retrieve(popular, call())).candidates.items[0])
    .toBe(ordinal);
  await features.delete(ordinal);
  await features.delete(3);
  for (const request of [
    popular,
    own.request(user, { limit: 200 }),
    own.request(user, { seeds, limit: 200 }),
  ]) {
    const { items } = (await own.socket.retrieve(request, call())).candidates;
    expect(items.length).toBeGreaterThan(0);
    expect([...items].some((item) => item === ordinal || item === 3)).toBe(false);
  }
});

test('a source can be turned off, and a misspelt one is a configuration fault', async () => {
  await using own = await Running.start({ MILLRACE__CANDIDATES__SOURCES__BM25__ENABLED: 'false' });
  const { sources } = await own.memory.retrieve(own.request(tinyUser(own.world, 3)), call());
  expect(sources.map(({ name }) => name)).toEqual(['ials', 'item_to_item', 'popularity', 'fresh']);
  const misspelt = new ConfigSource({ MILLRACE__CANDIDATES__SOURCES__BM52__QUOTA: '5' });
  expect(() => misspelt.section('candidates', candidatesSchema)).toThrow(/candidates\.sources: .*bm52/i);
});
