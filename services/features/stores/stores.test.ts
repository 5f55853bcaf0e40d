import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { pause } from '../../../common/clock.ts';
import { ConfigSource } from '../../../common/config.ts';
import { filteringSchema } from '../../../common/filters/config.ts';
import { Random } from '../../../common/random.ts';
import { type Call, rootCall } from '../../../common/rpc/call.ts';
import { Channel } from '../../../common/rpc/client.ts';
import { inMemory } from '../../../common/rpc/memory.ts';
import { contracts, type FeaturesService, type LoggingService } from '../../../common/rpc/services.ts';
import { createLogger } from '../../../common/telemetry/log.ts';
import { decodeUser, type User } from '../../../common/user-state.ts';
import { joinedRecord } from '../../../common/users/joining.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { readEvents } from '../../../test/support/logged-events.ts';
import { Processes } from '../../../test/support/processes.ts';
import { REDIS, TestServer } from '../../../test/support/servers.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { createLogging } from '../../logging/server.ts';
import { backfilled } from '../backfill.ts';
import { featuresSchema, userLimits } from '../config.ts';
import { createFeatures } from '../server.ts';
import { FeatureFold } from '../stage.ts';
import { replaceStore } from './open.ts';
import { RedisProxy } from './redis-proxy.test-server.ts';

const USERS = 12;
const ITEMS = 40;
const SEED = 7;
const URL = 'MILLRACE__FEATURES__REDIS__URL';
const KILLS = 4;
const KILLS_TIMEOUT_MS = 180_000;
const LEASE_MS = 300;
const ACTIONS = [
  Action.ACTION_IMPRESSION,
  Action.ACTION_CLICK,
  Action.ACTION_RATING,
  Action.ACTION_WATCH,
  Action.ACTION_HIDE,
  Action.ACTION_PREFER,
];
const SMALL = {
  MILLRACE__FEATURES__HISTORY_MAX: '20',
  MILLRACE__FEATURES__SEEN_EXACT_MAX: '5',
  MILLRACE__FEATURES__SNAPSHOT_EVENTS: '150',
  MILLRACE__FEATURES__REDIS__HELD_USERS_MAX: '3',
  MILLRACE__FEATURES__REDIS__LEASE_MS: `${LEASE_MS}`,
};
const limits = userLimits(
  featuresSchema.parse({ historyMax: 20, seenExactMax: 5 }),
  filteringSchema.parse({}),
);
const userIds = Array.from({ length: USERS }, (_, user) => `u${user}`);
/** The users, and one of whom nothing is known. */
const askedIds = [...userIds, 'stranger'];
const call = (): Call => rootCall({ timeoutMs: 20_000 });
const log = createLogger('test');

const redisAt = (port: number): Record<string, string> => ({
  MILLRACE__FEATURES__STORE: 'redis',
  [URL]: `redis://127.0.0.1:${port}`,
});

/** Feedback, statements and friendships of a few users, late ones among them; the same for the same seed and count. */
function* events(from: number, count: number): Generator<Event> {
  for (let i = from; i < from + count; i++) {
    const random = new Random(SEED + i);
    const userId = `u${random.int(USERS)}`;
    const timeMs = 1_000_000 + i * 60_000 - random.int(3) * 500_000;
    if (random.next() < 0.05) {
      const values = userIds.filter(() => random.next() < 0.2);
      const user = { id: userId, attributes: { friends: { texts: { values } }, age: { number: i } } };
      yield Event.fromPartial({ eventId: `e${i}`, timeMs, user });
      continue;
    }
    const action = ACTIONS[random.int(ACTIONS.length)];
    const about =
      action === Action.ACTION_PREFER
        ? { categories: [`c${random.int(5)}`] }
        : { itemId: `i${random.int(ITEMS)}` };
    const feedback = { userId, action, value: random.int(5) + 0.1, ...about };
    yield Event.fromPartial({ eventId: `e${i}`, timeMs, feedback });
  }
}

interface World {
  readonly features: FeaturesService;
  readonly logging: LoggingService;
  readonly isServing: () => boolean;
  write(from: number, count: number): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Logging and features in this process. */
async function open(home: string, settings: Record<string, string>): Promise<World> {
  const config = new ConfigSource({ MILLRACE_HOME: home, ...SMALL, ...settings });
  const logged = await createLogging({ config, log });
  logged.watchServing(() => {});
  const logging = inMemory(contracts.logging, logged.implementation);
  const component = await createFeatures({ config, log }, { logging }).catch(async (error) => {
    await logged.close();
    throw error;
  });
  let serving = false;
  component.watchServing((now) => {
    serving = now;
  });
  const features = inMemory(contracts.features, component.implementation);
  return {
    features,
    logging,
    isServing: () => serving,
    write: async (from, count) =>
      (await logging.append({ events: [...events(from, count)] }, call())).endOffset,
    [Symbol.asyncDispose]: async () => {
      await component.close();
      await logged.close();
    },
  };
}

function addItems(features: FeaturesService): Promise<unknown> {
  const items = Array.from({ length: ITEMS }, (_, i) => Item.fromPartial({ id: `i${i}` }));
  return features.upsertItems({ items, expectedEpoch: 0 }, call());
}

/** A user without what the state says of where it was made. */
function comparable({ seenFilter, offset: _, ...user }: User): unknown {
  return { ...user, seenFilter: seenFilter?.serialise() };
}

/** Every user as the features service answers when it has caught up. */
async function served(features: FeaturesService, asOf: number): Promise<unknown[]> {
  const read = (): Promise<unknown[]> =>
    Promise.all(
      askedIds.map(async (userId) => {
        const { state } = await features.getUserState({ userId, earlierIds: [], parts: [], asOf }, call());
        return comparable(decodeUser(state));
      }),
    );
  for (const untilMs = Date.now() + 20_000; Date.now() < untilMs; await pause(50)) {
    const states = await read().catch(() => undefined);
    if (states !== undefined) return states;
  }
  return read();
}

/** Every user as one fold of the whole log makes them. */
async function folded(home: string): Promise<unknown[]> {
  const fold = FeatureFold.empty(limits);
  for await (const logged of readEvents(join(home, 'log'))) fold.apply([logged], logged.offset + 1);
  return askedIds.map((id) => comparable(fold.users.state(id, 0)));
}

async function joined(home: string, id: string, names: readonly string[]): Promise<unknown> {
  const fold = FeatureFold.empty(limits);
  for await (const logged of readEvents(join(home, 'log'))) fold.apply([logged], logged.offset + 1);
  const records = names.flatMap((name) => fold.users.record(name) ?? []);
  expect(records).toHaveLength(names.length);
  return comparable(joinedRecord(id, records, limits).state(0, limits));
}

const KINDS = [
  { kind: 'process', start: async () => undefined },
  { kind: 'redis', start: () => TestServer.start(REDIS) },
];

describe.each(KINDS)('users in $kind', ({ kind, start }) => {
  const isAbsent = kind === 'redis' && REDIS.program === undefined;

  test.skipIf(isAbsent)(
    'are the fold of the log, over restarts and whatever is asked in between',
    async () => {
      await using server = await start();
      await using folder = await temporaryHome();
      const settings = server === undefined ? {} : redisAt(server.port);
      for (let round = 0; round < 3; round++) {
        await using world = await open(folder.home, settings);
        if (round === 0) await addItems(world.features);
        let end = await world.write(round * 200, 150);
        for (let at = 150; at < 200; at++) {
          end = await world.write(round * 200 + at, 1);
          const request = {
            userId: `u${at % USERS}`,
            earlierIds: [],
            parts: [],
            asOf: round === 0 ? end : 0,
          };
          if (round === 0) await world.features.getUserState(request, call());
        }
        expect(await served(world.features, end)).toEqual(await folded(folder.home));
        const together = { userId: 'new', earlierIds: ['u2', 'nobody', 'u1', 'u2'], parts: [], asOf: end };
        const { state } = await world.features.getUserState(together, call());
        expect(comparable(decodeUser(state))).toEqual(await joined(folder.home, 'new', ['u1', 'u2']));
      }
    },
  );

  test.skipIf(isAbsent)(
    'are the fold of the log exactly once, killed again and again under writes',
    async () => {
      await using server = await start();
      await using folder = await temporaryHome();
      const env = { ...SMALL, ...(server === undefined ? {} : redisAt(server.port)) };
      await using processes = await Processes.start(
        { home: folder.home, env },
        { names: ['logging', 'features'] },
      );
      const logging = new Channel(processes.addresses.logging);
      const features = new Channel(processes.addresses.features);
      await addItems(features.client(contracts.features));
      let end = 0;
      let isWriting = true;
      const writing = (async () => {
        for (let at = 0; isWriting; at += 20) {
          const batch = [...events(at, 20)];
          end = (await logging.client(contracts.logging).append({ events: batch }, call())).endOffset;
          await pause(5);
        }
      })();
      const random = new Random(SEED);
      for (let kill = 0; kill < KILLS; kill++) {
        await pause(random.int(400));
        await processes.kill('features');
        await processes.restart('features');
      }
      isWriting = false;
      await writing;
      expect(await served(features.client(contracts.features), end)).toEqual(await folded(folder.home));
      logging.close();
      features.close();
    },
    KILLS_TIMEOUT_MS,
  );
});

describe.skipIf(REDIS.program === undefined)('Redis', () => {
  test(
    'away: the catalogue goes on without users, who catch up exactly once, also after a kill -9 meanwhile',
    async () => {
      await using server = await TestServer.start(REDIS);
      await using folder = await temporaryHome();
      await using processes = await Processes.start(
        { home: folder.home, env: { ...SMALL, ...redisAt(server.port) } },
        { names: ['logging', 'features'] },
      );
      using loggingChannel = new Channel(processes.addresses.logging);
      using featuresChannel = new Channel(processes.addresses.features);
      const logging = loggingChannel.client(contracts.logging);
      const features = featuresChannel.client(contracts.features);
      const write = async (from: number, count: number): Promise<number> =>
        (await logging.append({ events: [...events(from, count)] }, call())).endOffset;
      await addItems(features);
      await served(features, await write(0, 200));
      for (const [round, isKilled] of [false, true].entries()) {
        await server.kill();
        const view = (eventId: string, itemId: string): Event =>
          Event.fromPartial({
            eventId,
            timeMs: 1,
            feedback: { userId: 'u1', itemId, action: Action.ACTION_VIEW },
          });
        const itemId = `late${round}`;
        await logging.append({ events: [view(`before${round}`, itemId)] }, call());
        await features.upsertItems({ items: [Item.fromPartial({ id: itemId })], expectedEpoch: 0 }, call());
        await logging.append({ events: [view(`after${round}`, itemId)] }, call());
        for (let at = 0; at < 200; at += 20) {
          await write(200 + round * 200 + at, 20);
          const itemIds = [`i${(at / 20) % ITEMS}`];
          const { epoch } = await features.block({ itemIds, reason: 'test', untilMs: 0 }, call());
          expect(epoch).toBeGreaterThan(ITEMS);
        }
        const read = features.getUserState({ userId: 'u1', earlierIds: [], parts: [], asOf: 0 }, call());
        await expect(read).rejects.toMatchObject({ reason: 'STAGE_UNAVAILABLE' });
        if (isKilled) await processes.kill('features');
        await server.restart();
        if (isKilled) await processes.restart('features');
        const end = await write(600 + round * 20, 20);
        expect(await served(features, end)).toEqual(await folded(folder.home));
      }
    },
    KILLS_TIMEOUT_MS,
  );

  test('away: reads answer STAGE_UNAVAILABLE, events are logged, and it catches up when Redis is back', async () => {
    await using server = await TestServer.start(REDIS);
    await using folder = await temporaryHome();
    await using world = await open(folder.home, redisAt(server.port));
    await addItems(world.features);
    await served(world.features, await world.write(0, 100));
    for (const [i, away] of (['kill', 'freeze'] as const).entries()) {
      if (away === 'kill') await server.kill();
      else server.freeze();
      const end = await world.write(100 + i * 100, 100);
      const read = world.features.getUserState({ userId: 'u1', earlierIds: [], parts: [], asOf: 0 }, call());
      await expect(read).rejects.toMatchObject({ reason: 'STAGE_UNAVAILABLE' });
      await pause(1_000);
      if (away === 'kill') await server.restart();
      else server.resume();
      expect(await served(world.features, end)).toEqual(await folded(folder.home));
    }
  });

  test('that cannot be reached is named, with the reason', async () => {
    await using folder = await temporaryHome();
    await expect(open(folder.home, redisAt(1))).rejects.toMatchObject({
      reason: 'CONFIG_INVALID',
      message: 'features.redis.url: connect ECONNREFUSED 127.0.0.1:1',
    });
  });

  test('refuses a second writer while the first is alive, and takes one after it', async () => {
    await using server = await TestServer.start(REDIS);
    await using one = await temporaryHome();
    await using two = await temporaryHome();
    {
      await using first = await open(one.home, redisAt(server.port));
      await addItems(first.features);
      await expect(open(two.home, redisAt(server.port))).rejects.toMatchObject({
        reason: 'CONFIG_INVALID',
        message: expect.stringContaining('features.redis.prefix'),
      });
      await served(first.features, await first.write(0, 50));
    }
    await using next = await open(one.home, redisAt(server.port));
    expect(await served(next.features, 1)).toEqual(await folded(one.home));
  });

  test('that lost what it acknowledged ends the service, and a restart folds it again', async () => {
    await using server = await TestServer.start(REDIS);
    await using folder = await temporaryHome();
    {
      await using world = await open(folder.home, redisAt(server.port));
      await addItems(world.features);
      await served(world.features, await world.write(0, 100));
      expect(world.isServing()).toBe(true);
      const redis = new Redis(server.port);
      await redis.flushall();
      redis.disconnect();
      await world.write(100, 100);
      await expect.poll(world.isServing, { timeout: 10_000 }).toBe(false);
    }
    await using again = await open(folder.home, redisAt(server.port));
    expect(await served(again.features, 1)).toEqual(await folded(folder.home));
  });

  test('takes a fold of the whole log in place of what it holds, and leaves nothing of that', async () => {
    await using server = await TestServer.start(REDIS);
    await using folder = await temporaryHome();
    const settings = redisAt(server.port);
    {
      await using world = await open(folder.home, settings);
      await addItems(world.features);
      await served(world.features, await world.write(0, 300));
    }
    const redis = new Redis(server.port);
    const keysBefore = await redis.dbsize();
    await redis.hset('{millrace}:2:u:u1', { state: 'damaged', record: 'damaged' });
    const config = featuresSchema.parse({ store: 'redis', redis: { url: settings[URL] } });
    const fold = await backfilled(readEvents(join(folder.home, 'log')), limits, 250);
    await replaceStore(config, { home: folder.home, limits, log }, fold);
    expect(await redis.hget('{millrace}:meta', 'offset')).toBe('250');
    expect(await redis.dbsize()).toBeLessThanOrEqual(keysBefore);
    redis.disconnect();
    await using world = await open(folder.home, settings);
    expect(await served(world.features, 1)).toEqual(await folded(folder.home));
  });

  test('one request and one reply a call', async () => {
    await using server = await TestServer.start(REDIS);
    await using proxy = await RedisProxy.start(server.port);
    await using folder = await temporaryHome();
    await using world = await open(folder.home, {
      ...redisAt(proxy.port),
      MILLRACE__FEATURES__REDIS__LEASE_MS: '600000',
    });
    await addItems(world.features);
    await served(world.features, await world.write(0, 100));
    proxy.reset();
    for (let i = 0; i < 50; i++) {
      const userId = i % 5 === 0 ? 'nobody' : `u${i % USERS}`;
      await world.features.getUserState({ userId, earlierIds: [], parts: [], asOf: 0 }, call());
      expect([i + 1, proxy.requests, proxy.replies]).toEqual([i + 1, i + 1, i + 1]);
    }
  });

  test('forgets who has been away for longer than ttlSeconds', async () => {
    await using server = await TestServer.start(REDIS);
    await using folder = await temporaryHome();
    const settings = { ...redisAt(server.port), MILLRACE__FEATURES__REDIS__TTL_SECONDS: '1' };
    await using world = await open(folder.home, settings);
    await addItems(world.features);
    const end = await world.write(0, 100);
    const read = () =>
      world.features.getUserState({ userId: 'u1', earlierIds: [], parts: [], asOf: end }, call());
    expect(decodeUser((await read()).state).items.length).toBeGreaterThan(0);
    await expect.poll(async () => decodeUser((await read()).state).items.length, { timeout: 10_000 }).toBe(0);
  });
});
