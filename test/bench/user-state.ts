import { ConfigSource } from '../../common/config.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { Channel } from '../../common/rpc/client.ts';
import { inMemory } from '../../common/rpc/memory.ts';
import { contracts, type FeaturesService, type LoggingService } from '../../common/rpc/services.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { createFeatures } from '../../services/features/server.ts';
import { createLogging } from '../../services/logging/server.ts';
import { Processes } from '../support/processes.ts';
import { REDIS, TestServer } from '../support/servers.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { type Bench, parsed, UsageError, wholeNumber } from './bench.ts';
import { load } from './load.ts';

const USERS = 200;
const ITEMS = 2_000;
const HISTORY = 200;
const CALLS = '20000';
const CONCURRENCY = 16;
const WARM_UP_CALLS_MAX = 2_000;
const SETTINGS = { MILLRACE_LOG_LEVEL: 'warn' };
/** Nothing is kept encoded: every state is made anew, as that of a user who has just done something. */
const UNCACHED = { MILLRACE__FEATURES__CACHED_STATES_BYTES_MAX: '1' };

interface Row {
  readonly store: string;
  readonly transport: 'function' | 'socket';
  readonly callsPerSecond: number;
  /** CPU of the features service: over `function` of this process, which is caller and service. */
  readonly cpuUs: number;
  readonly p50Ms: number;
}

/**
 * GetUserState of users with 200 events of history, 16 calls at a time, from each store: called as a function in this process, and
 * over a socket in a process of its own. Calls/s per core are those that one core's time of the features service is enough for.
 */
export const userStateBench: Bench = {
  usage: '[--calls N]',
  async run(args, print) {
    if (REDIS.program === undefined) throw new UsageError(REDIS.absent);
    const calls = wholeNumber(parsed(args, { calls: { type: 'string', default: CALLS } }).calls, 'calls', 1);
    await using redis = await TestServer.start(REDIS);
    const stores: Record<string, Record<string, string>> = {
      process: {},
      'process, made anew': UNCACHED,
      redis: {
        MILLRACE__FEATURES__STORE: 'redis',
        MILLRACE__FEATURES__REDIS__URL: `redis://127.0.0.1:${redis.port}`,
        MILLRACE__FEATURES__REDIS__TIMEOUT_MS: '10000',
      },
    };
    const rows: Row[] = [];
    for (const [store, settings] of Object.entries(stores)) {
      const prefix = (transport: string) => ({
        ...settings,
        MILLRACE__FEATURES__REDIS__PREFIX: `bench-${transport}`,
      });
      rows.push(await measureFunction(store, prefix('function'), calls));
      rows.push(await measureSocket(store, prefix('socket'), calls));
    }
    for (const row of rows) {
      const base = rows.find(({ transport }) => transport === row.transport) as Row;
      print(
        JSON.stringify({
          bench: 'user-state',
          store: row.store,
          transport: row.transport,
          'calls/s per core': Math.round(1e6 / row.cpuUs),
          ratio: Number((base.cpuUs / row.cpuUs).toFixed(2)),
          'calls/s': Math.round(row.callsPerSecond),
          'cpu us': Number(row.cpuUs.toFixed(1)),
          p50Ms: Number(row.p50Ms.toFixed(3)),
        }),
      );
    }
  },
};

async function measureFunction(store: string, settings: Record<string, string>, calls: number): Promise<Row> {
  await using folder = await temporaryHome();
  const environment = {
    config: new ConfigSource({ MILLRACE_HOME: folder.home, ...settings }),
    log: createLogger('bench'),
  };
  const logged = await createLogging(environment);
  logged.watchServing(() => {});
  const logging = inMemory(contracts.logging, logged.implementation);
  const component = await createFeatures(environment, { logging });
  component.watchServing(() => {});
  const features = inMemory(contracts.features, component.implementation);
  await fill(features, logging);
  const { callsPerSecond, cpuUsPerCall, p50Ms } = await measure(features, calls, {});
  await component.close();
  await logged.close();
  return { store, transport: 'function', callsPerSecond, cpuUs: cpuUsPerCall, p50Ms };
}

async function measureSocket(store: string, settings: Record<string, string>, calls: number): Promise<Row> {
  await using folder = await temporaryHome();
  await using processes = await Processes.start(
    { home: folder.home, env: { ...SETTINGS, ...settings } },
    { names: ['logging', 'features'] },
  );
  const channels = [new Channel(processes.addresses.features), new Channel(processes.addresses.logging)];
  const features = channels[0].client(contracts.features);
  await fill(features, channels[1].client(contracts.logging));
  const { callsPerSecond, cpuUsByProcess, p50Ms } = await measure(features, calls, {
    features: processes.pid('features') as number,
  });
  for (const channel of channels) channel.close();
  return { store, transport: 'socket', callsPerSecond, cpuUs: cpuUsByProcess.features, p50Ms };
}

async function measure(features: FeaturesService, calls: number, processes: Record<string, number>) {
  const call = async (number: number): Promise<void> => {
    const request = { userId: `u${number % USERS}`, earlierIds: [], parts: [], asOf: 0 };
    await features.getUserState(request, rootCall({ timeoutMs: 10_000 }));
  };
  await load({ calls: Math.min(calls, WARM_UP_CALLS_MAX), concurrency: CONCURRENCY, processes, call });
  return load({ calls, concurrency: CONCURRENCY, processes, call });
}

/** Items, and a history of each user. */
async function fill(features: FeaturesService, logging: LoggingService): Promise<void> {
  const slow = () => rootCall({ timeoutMs: 60_000 });
  const items = Array.from({ length: ITEMS }, (_, i) => Item.fromPartial({ id: `i${i}` }));
  await features.upsertItems({ items, expectedEpoch: 0 }, slow());
  let end = 0;
  for (let user = 0; user < USERS; user++) {
    const events = Array.from({ length: HISTORY }, (_, i) =>
      Event.fromPartial({
        eventId: `${user}-${i}`,
        timeMs: i * 60_000,
        feedback: {
          userId: `u${user}`,
          itemId: `i${(user * 7 + i * 11) % ITEMS}`,
          action: i % 4 === 0 ? Action.ACTION_RATING : Action.ACTION_CLICK,
          value: i % 5,
        },
      }),
    );
    end = (await logging.append({ events }, slow())).endOffset;
  }
  await features.getUserState({ userId: 'u0', earlierIds: [], parts: [], asOf: end }, slow());
}
