import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { pause } from '../../common/clock.ts';
import { ConfigSource } from '../../common/config.ts';
import { type Call, rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { inMemory } from '../../common/rpc/memory.ts';
import { RpcServer } from '../../common/rpc/server.ts';
import { contracts, type FeaturesService, type LoggingService } from '../../common/rpc/services.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import { decodeUser } from '../../common/user-state.ts';
import { Item, type WatchCatalogueRequest } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { createLogging } from '../logging/server.ts';
import { createFeatures } from './server.ts';

const log = createLogger('test');
const call = (): Call => rootCall({ timeoutMs: 20_000 });

interface World {
  readonly features: FeaturesService;
  readonly logging: LoggingService;
  stopLogging(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Logging in this process, features behind a real socket. */
async function open(home: string, settings: Record<string, string> = {}): Promise<World> {
  const config = new ConfigSource({ MILLRACE_HOME: home, ...settings });
  const loggingComponent = await createLogging({ config, log });
  loggingComponent.watchServing(() => {});
  const logging = inMemory(contracts.logging, loggingComponent.implementation);
  const component = await createFeatures({ config, log }, { logging });
  component.watchServing(() => {});
  const server = new RpcServer({ log });
  for (const service of component.services) service.addTo(server);
  const channel = new Channel(`127.0.0.1:${await server.listen('127.0.0.1:0')}`);
  return {
    features: channel.client(contracts.features),
    logging,
    stopLogging: () => loggingComponent.close(),
    [Symbol.asyncDispose]: async () => {
      channel.close();
      await server.drain(500);
      await component.close();
      await loggingComponent.close();
    },
  };
}

const items = (from: number, to: number): Item[] =>
  Array.from({ length: to - from }, (_, i) =>
    Item.fromPartial({ id: `i${from + i}`, title: `Item ${from + i}` }),
  );
const upsert = (list: Item[], expectedEpoch = 0) => ({ items: list, expectedEpoch });
const blockOf = (...itemIds: string[]) => ({ itemIds, reason: 'test', untilMs: 0 });

function feedback(eventId: string, userId: string, itemId: string, action: Action): Event {
  return Event.fromPartial({ eventId, timeMs: 1, feedback: { userId, itemId, action } });
}

/** A copy of the catalogue by the watch, acknowledging after `delayMs`; never if undefined. */
function watch(
  features: FeaturesService,
  delayMs: number | undefined,
): { catalogue: Catalogue; ended: Promise<void>; stop(): void } {
  const controller = new AbortController();
  const queue: WatchCatalogueRequest[] = [{ epoch: 0, watcher: 'test' }];
  let wake = (): void => {};
  const requests = async function* (): AsyncIterable<WatchCatalogueRequest> {
    while (!controller.signal.aborted) {
      const next = queue.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const catalogue = new Catalogue('');
  const ended = (async () => {
    for await (const { changes, epoch } of features.watchCatalogue(
      requests(),
      rootCall({ signal: controller.signal }),
    )) {
      if (delayMs === undefined) continue;
      await pause(delayMs);
      for (const change of changes) catalogue.apply(change);
      queue.push({ epoch, watcher: '' });
      wake();
    }
  })().catch(() => {});
  return {
    catalogue,
    ended,
    stop: () => {
      controller.abort();
      wake();
    },
  };
}

test('items get ordinals in order of arrival, keep them over deletion and restart, and changes are resolved at once', async () => {
  await using folder = await temporaryHome();
  {
    await using world = await open(folder.home);
    expect(await world.features.upsertItems(upsert(items(0, 3)), call())).toEqual({
      ordinals: [0, 1, 2],
      epoch: 3,
    });
    await world.features.deleteItems({ itemIds: ['i1'] }, call());
    expect(
      (await world.features.upsertItems(upsert([...items(3, 4), ...items(1, 2)]), call())).ordinals,
    ).toEqual([3, 1]);
    await world.features.block(blockOf('i2'), call());
    await world.features.deleteItems({ itemIds: ['i0'] }, call());
  }
  await using world = await open(folder.home);
  const { items: resolved, epoch } = await world.features.resolve(
    { itemIds: ['i0', 'i1', 'i2'], ordinals: [3] },
    call(),
  );
  expect(resolved.map(({ item, ordinal, blocked }) => [item?.id, ordinal, blocked])).toEqual([
    [undefined, 0, false],
    ['i1', 1, false],
    ['i2', 2, true],
    ['i3', 3, false],
  ]);
  expect(epoch).toBe(8);
});

test.each([
  ['an empty id', upsert([Item.fromPartial({ id: '' })]), 'items[0].id'],
  ['a control character', upsert([...items(0, 1), Item.fromPartial({ id: 'a\u0001' })]), 'items[1].id'],
  [
    'an attribute that is not finite',
    upsert([Item.fromPartial({ id: 'a', attributes: { x: { number: Number.NaN } } })]),
    'items[0].attributes.x',
  ],
  [
    'a window that ends before it begins',
    upsert([Item.fromPartial({ id: 'a', availableFromMs: 5, availableUntilMs: 5 })]),
    'items[0].available_until_ms',
  ],
  ['no items', upsert([]), 'items'],
  ['another epoch than expected', upsert(items(0, 1), 7), 'expected_epoch'],
])('%s refuses the whole call with the field', async (_, request, field) => {
  await using folder = await temporaryHome();
  await using world = await open(folder.home);
  await expect(world.features.upsertItems(request, call())).rejects.toMatchObject({
    violations: [{ field }],
  });
  expect(
    (await world.features.resolve({ itemIds: ['i0'], ordinals: [] }, call())).items[0].item,
  ).toBeUndefined();
});

test('unknown ids refuse block and delete as a whole', async () => {
  await using folder = await temporaryHome();
  await using world = await open(folder.home);
  await world.features.upsertItems(upsert(items(0, 2)), call());
  await expect(world.features.block(blockOf('i0', 'i9'), call())).rejects.toMatchObject({
    reason: 'ITEM_UNKNOWN',
  });
  expect((await world.features.resolve({ itemIds: ['i0'], ordinals: [] }, call())).items[0].blocked).toBe(
    false,
  );
});

test('a block returns when a slow watcher has applied it; one that never does is disconnected', async () => {
  await using folder = await temporaryHome();
  await using world = await open(folder.home, { MILLRACE__FEATURES__WATCH_ACK_TIMEOUT_MS: '400' });
  await world.features.upsertItems(upsert(items(0, 2)), call());
  const slow = watch(world.features, 100);
  await expect.poll(() => slow.catalogue.epoch).toBe(2);
  await world.features.block(blockOf('i0'), call());
  expect(slow.catalogue.isBlocked(0, 0)).toBe(true);
  const silent = watch(world.features, undefined);
  await pause(100);
  await world.features.block(blockOf('i1'), call());
  await silent.ended;
  expect(slow.catalogue.isBlocked(1, 0)).toBe(true);
  slow.stop();
});

test('a block waits for a watcher that lost its connection, also over a restart of the service', async () => {
  await using folder = await temporaryHome();
  {
    await using world = await open(folder.home);
    await world.features.upsertItems(upsert(items(0, 5)), call());
    const first = watch(world.features, 0);
    await world.features.block(blockOf('i1'), call());
    first.stop();
    await first.ended;
    const blocking = world.features.block(blockOf('i2'), call());
    const back = watch(world.features, 0);
    const { epoch } = await blocking;
    expect(back.catalogue.epoch).toBe(epoch);
    back.stop();
    await back.ended;
  }
  await using world = await open(folder.home);
  const blocking = world.features.block(blockOf('i3'), call());
  await pause(100);
  const late = watch(world.features, 0);
  const { epoch } = await blocking;
  expect(late.catalogue.epoch).toBe(epoch);
  late.stop();
  await late.ended;
});

test('a user state is refused until the log is folded', async () => {
  await using folder = await temporaryHome();
  const config = new ConfigSource({ MILLRACE_HOME: folder.home });
  const logging = await createLogging({ config, log });
  const features = await createFeatures(
    { config, log },
    { logging: inMemory(contracts.logging, logging.implementation) },
  );
  const ask = () =>
    features.implementation.getUserState({ userId: 'u', earlierIds: [], parts: [], asOf: 0 }, call());
  await expect(ask()).rejects.toMatchObject({ reason: 'STAGE_UNAVAILABLE' });
  await new Promise<void>((resolve) => features.watchServing((serving) => serving && resolve()));
  expect((await ask()).offset).toBe(0);
  await features.close();
  await logging.close();
});

test('thousands of changes from several callers leave watchers, early and late, with one catalogue', async () => {
  await using folder = await temporaryHome();
  await using world = await open(folder.home);
  const early = watch(world.features, 0);
  await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      world.features.upsertItems(upsert(items(i * 1000, i * 1000 + 1000)), call()),
    ),
  );
  await Promise.all([
    world.features.block(blockOf(...items(0, 1000).map(({ id }) => id)), call()),
    world.features.deleteItems({ itemIds: items(5000, 5100).map(({ id }) => id) }, call()),
  ]);
  const late = watch(world.features, 0);
  await expect.poll(() => late.catalogue.epoch, { timeout: 10_000 }).toBe(11_100);
  expect(early.catalogue.liveCount).toBe(9_900);
  late.catalogue.lineage = early.catalogue.lineage;
  expect(Buffer.compare(early.catalogue.serialise(), late.catalogue.serialise())).toBe(0);
  early.stop();
  late.stop();
});

test('a user state reflects the log up to as_of, and a snapshot with the tail after a restart', async () => {
  await using folder = await temporaryHome();
  {
    await using world = await open(folder.home);
    await world.features.upsertItems(upsert(items(0, 5)), call());
    const { endOffset } = await world.logging.append(
      { events: [feedback('a', 'u', 'i3', Action.ACTION_CLICK)] },
      call(),
    );
    const { state, offset } = await world.features.getUserState(
      { userId: 'u', earlierIds: [], parts: [], asOf: endOffset },
      call(),
    );
    expect([[...decodeUser(state).items], offset]).toEqual([[3], endOffset]);
    await expect(
      world.features.getUserState(
        { userId: 'u', earlierIds: [], parts: [], asOf: endOffset + 1 },
        rootCall({ timeoutMs: 100 }),
      ),
    ).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    });
  }
  {
    await using world = await open(folder.home);
    await world.logging.append({ events: [feedback('b', 'u', 'i4', Action.ACTION_HIDE)] }, call());
    await expect
      .poll(async () => [
        ...decodeUser(
          (await world.features.getUserState({ userId: 'u', earlierIds: [], parts: [], asOf: 0 }, call()))
            .state,
        ).items,
      ])
      .toEqual([3, 4]);
  }
  const snapshots = join(folder.home, 'features');
  for (const name of await readdir(snapshots)) await truncate(join(snapshots, name), 100);
  await using world = await open(folder.home);
  const { state } = await world.features.getUserState(
    { userId: 'u', earlierIds: [], parts: [], asOf: 7 },
    call(),
  );
  expect([[...decodeUser(state).items], [...decodeUser(state).hidden]]).toEqual([[3, 4], [4]]);
});

test('more text than a message holds reaches watchers in several, also after a restart, and comes in pages', async () => {
  await using folder = await temporaryHome();
  const text = 'a'.repeat(90_000);
  const long = (from: number, to: number) => items(from, to).map((item) => ({ ...item, text }));
  {
    await using world = await open(folder.home);
    for (let from = 0; from < 200; from += 40)
      await world.features.upsertItems(upsert(long(from, from + 40)), call());
    const watcher = watch(world.features, 0);
    await expect.poll(() => watcher.catalogue.epoch, { timeout: 10_000 }).toBe(200);
    watcher.stop();
    await watcher.ended;
  }
  await using world = await open(folder.home);
  const watcher = watch(world.features, 0);
  await expect.poll(() => watcher.catalogue.epoch, { timeout: 10_000 }).toBe(200);
  watcher.stop();
  let ordinals: number[] = [];
  for await (const page of world.features.snapshotCatalogue({}, call())) {
    expect([page.epoch, page.size]).toEqual([200, 200]);
    ordinals = [...ordinals, ...page.items.map(({ ordinal }) => ordinal)];
  }
  expect(ordinals).toEqual(Array.from({ length: 200 }, (_, ordinal) => ordinal));
});

test('the false-positive rate of the seen filters is measured', async () => {
  await using folder = await temporaryHome();
  await using world = await open(folder.home, {
    MILLRACE__FEATURES__SEEN_EXACT_MAX: '0',
    MILLRACE__FEATURES__SEEN_FALSE_POSITIVE_RATE: '0.5',
  });
  await world.features.upsertItems(upsert(items(0, 1_000)), call());
  const users = Array.from({ length: 10 }, (_, user) => `u${user}`);
  for (let round = 0; round < 64; round++) {
    const events = users.map((user) => feedback(`${user}-${round}`, user, `i${round}`, Action.ACTION_VIEW));
    const { endOffset: asOf } = await world.logging.append({ events }, call());
    for (const userId of users)
      await world.features.getUserState({ userId, earlierIds: [], parts: [], asOf }, call());
  }
  const [{ value }] = (await metrics.bloomFalsePositiveRatio.get()).values;
  expect(value).toBeGreaterThan(0.01);
  expect(value).toBeLessThan(0.6);
});

test('item counters come whole first, then what changed', async () => {
  await using folder = await temporaryHome();
  await using world = await open(folder.home, { MILLRACE__FEATURES__COUNTERS_INTERVAL_MS: '20' });
  await world.features.upsertItems(upsert(items(0, 5)), call());
  await world.logging.append(
    {
      events: [
        feedback('a', 'u', 'i3', Action.ACTION_CLICK),
        feedback('b', 'u', 'i1', Action.ACTION_IMPRESSION),
      ],
    },
    call(),
  );
  await world.features.getUserState({ userId: 'u', earlierIds: [], parts: [], asOf: 7 }, call());
  const seen: unknown[] = [];
  for await (const { complete, version, counters } of world.features.watchItemCounters(
    { version: 0 },
    call(),
  )) {
    seen.push([
      complete,
      version,
      [...counters.items],
      [...counters.column('count.positive')],
      [...counters.column('count.impression')],
    ]);
    if (seen.length === 2) break;
    await world.logging.append({ events: [feedback('c', 'u', 'i3', Action.ACTION_VIEW)] }, call());
  }
  expect(seen).toEqual([
    [true, 7, [1, 3], [0, 1], [1, 0]],
    [false, 8, [3], [2], [0]],
  ]);
});

test('while the log is away nothing changes and callers are told', async () => {
  await using folder = await temporaryHome();
  await using world = await open(folder.home);
  await world.features.upsertItems(upsert(items(0, 1)), call());
  await world.stopLogging();
  await expect(world.features.block(blockOf('i0'), call())).rejects.toMatchObject({
    reason: 'LOG_UNAVAILABLE',
  });
  expect((await world.features.resolve({ itemIds: ['i0'], ordinals: [] }, call())).items[0].blocked).toBe(
    false,
  );
});

test('a user larger than the log takes is refused by their place, and nothing of the call is written', async () => {
  await using folder = await temporaryHome();
  await using world = await open(folder.home);
  const { features, logging } = world;
  const user = (id: string, bytes: number) => ({ id, attributes: { bio: { text: 'x'.repeat(bytes) } } });
  const users = [...Array.from({ length: 50 }, (_, i) => user(`u${i}`, 60_000)), user('large', 70_000)];
  await expect(features.upsertUsers({ users }, call())).rejects.toMatchObject({
    reason: 'FIELD_INVALID',
    violations: [{ field: 'users[50]' }],
  });
  expect((await logging.append({ events: [feedback('e', 'u', 'i', 2)] }, call())).offsets).toEqual([0]);
});
