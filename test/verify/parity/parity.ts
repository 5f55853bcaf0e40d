import { join } from 'node:path';
import { Part } from '../../../common/bundle/manifest.ts';
import { BundleStore } from '../../../common/bundle/store.ts';
import { pause } from '../../../common/clock.ts';
import { ConfigSource } from '../../../common/config.ts';
import { ItemCounters } from '../../../common/features/item-counters.ts';
import { schemaOfBundle } from '../../../common/features/schema.ts';
import { lakeConfig } from '../../../common/lake/config.ts';
import { type Lake, openLake } from '../../../common/lake/lake.ts';
import { Roller } from '../../../common/lake/roller.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { Random } from '../../../common/random.ts';
import { rootCall } from '../../../common/rpc/call.ts';
import { Channel } from '../../../common/rpc/client.ts';
import { contracts, type LoggingService } from '../../../common/rpc/services.ts';
import { createLogger } from '../../../common/telemetry/log.ts';
import type { UserLimits } from '../../../common/users/user-record.ts';
import { configuredLimits } from '../../../services/cli/offline/composition.ts';
import { Processes, spawnMillrace } from '../../support/processes.ts';
import { REDIS, TestServer } from '../../support/servers.ts';
import { temporaryHome } from '../../support/temporary-home.ts';
import { makeTinyHome } from '../../support/tiny-home.ts';
import type { ProofOptions } from '../proof.ts';
import { BREAKAGES, type Breakage, unbroken } from './breakages.ts';
import { type BundleFeatures, Recomputation } from './recompute.ts';
import { readServed, type Served } from './served.ts';
import { differingStates, type SeenState } from './states.ts';
import { Traffic } from './traffic.ts';

const SEED = 21;
const RECORD_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const NAMED_MAX = 5;
/** Small, so that histories are cut, older items go into filters, snapshots are read, and there are many versions of the counters. */
const SETTINGS = {
  MILLRACE_LOG_LEVEL: 'error',
  MILLRACE__ORCHESTRATOR__DEADLINE_MS: '10000',
  MILLRACE__FEATURES__HISTORY_MAX: '25',
  MILLRACE__FEATURES__SEEN_EXACT_MAX: '10',
  MILLRACE__FEATURES__SNAPSHOT_EVENTS: '1500',
  MILLRACE__FEATURES__COUNTERS_INTERVAL_MS: '40',
  MILLRACE__FEATURES__WATCH_ACK_TIMEOUT_MS: '10000',
  MILLRACE__LAKE__COMMIT__EVENTS_MAX: '20000',
};

interface Past {
  readonly lake: Lake;
  readonly served: readonly Served[];
  readonly bundles: ReadonlyMap<string, BundleFeatures>;
  readonly limits: UserLimits;
}

/** What a comparison of served and recomputed features came to. */
interface Comparison {
  rows: number;
  values: number;
  missing: number;
  mismatches: number;
  /** Mismatches by the feature's name. */
  readonly features: Map<string, number>;
  readonly seconds: number;
}

/**
 * Serves requests with every service a process of its own, two of which are killed meanwhile, amid feedback that is late, out of
 * order and sent twice, and changes of items and users; then makes every recorded vector again from the lake alone and compares
 * it bit for bit, a missing value being equal to a missing one. From the record come the retrieval scores and what was seen: offset,
 * version and epoch. So too states of users. All of it over both stores of users. Holds if there is no mismatch, and if each wrong
 * way of folding is noticed. `broken`: one of those instead.
 */
export async function verifyParity({ short, print, broken }: ProofOptions): Promise<boolean> {
  if (broken !== undefined && BREAKAGES[broken] === undefined)
    throw new Error(`--break is to be one of ${Object.keys(BREAKAGES).join(', ')}`);
  const seeks = broken === undefined ? Object.keys(BREAKAGES) : [broken];
  const inProcess = { env: SETTINGS, requests: short ? 300 : 10_000, trains: true, breakages: seeks, print };
  if (broken !== undefined) return prove({ ...inProcess, unbroken: false });
  const holds = await prove({ ...inProcess, unbroken: true });
  if (REDIS.program === undefined) {
    print(`users in Redis are left out: ${REDIS.absent}`);
    return holds;
  }
  await using redis = await TestServer.start(REDIS);
  const env = {
    ...SETTINGS,
    MILLRACE__FEATURES__STORE: 'redis',
    MILLRACE__FEATURES__REDIS__URL: `redis://127.0.0.1:${redis.port}`,
    MILLRACE__FEATURES__REDIS__LEASE_MS: '500',
    MILLRACE__FEATURES__REDIS__HELD_USERS_MAX: '20',
  };
  print('users in Redis:');
  const requests = short ? 100 : 2_000;
  return (await prove({ env, requests, trains: !short, breakages: [], unbroken: true, print })) && holds;
}

interface Plan {
  readonly env: Readonly<Record<string, string>>;
  readonly requests: number;
  /** Whether a ranker on all features takes over meanwhile. */
  readonly trains: boolean;
  /** Whether the right way is tried. */
  readonly unbroken: boolean;
  /** The wrong ways that are tried. */
  readonly breakages: readonly string[];
  readonly print: (line: string) => void;
}

/** False if the right way does not make the same again, or a wrong one does; with wrong ways alone, if one does not. */
async function prove(plan: Plan): Promise<boolean> {
  const { env, print } = plan;
  await using folder = await temporaryHome();
  const config = new ConfigSource({ MILLRACE_HOME: folder.home, ...env });
  const states = await serve(config, plan);
  await using lake = await openLake(lakeConfig(config));
  const past = await readPast(lake, config, print);
  let holds = past.served.length >= plan.requests;
  if (plan.unbroken) {
    const differing = await differingStates(states, lake.readEvents(), past.limits);
    print(`${states.length} states of users made again: ${differing.length} differ`);
    if (!report(await compare(past, unbroken), print) || differing.length > 0) holds = false;
  }
  for (const name of plan.breakages) {
    const { wrong, make } = BREAKAGES[name];
    const { mismatches, features } = await compare(past, make());
    print(`self-check ${name} (${wrong}): ${mismatches} mismatches in ${features.size} features`);
    if (mismatches > 0 !== plan.unbroken) holds = false;
  }
  return holds;
}

/** Serves, and takes the log into the lake while more comes and at the end. Answers states of users that were seen. */
async function serve(
  config: ConfigSource,
  { env, requests, trains, print }: Plan,
): Promise<readonly SeenState[]> {
  const { home } = config;
  const world = { users: 150, items: 600, seed: SEED };
  await makeTinyHome(home, world);
  await using processes = await Processes.start({ home, env });
  const channels = new Map(
    Object.entries(processes.addresses).map(([name, address]) => [name, new Channel(address)]),
  );
  const channel = (name: string): Channel => channels.get(name) as Channel;
  const logging = channel('logging').client(contracts.logging);
  const traffic = new Traffic({
    door: channel('orchestrator').client(contracts.orchestrator),
    features: channel('features').client(contracts.features),
    logging,
    users: Array.from({ length: world.users + 10 }, (_, row) => `user-${row}`),
    items: world.items,
    random: new Random(SEED),
  });
  const startedAt = performance.now();
  const third = Math.ceil(requests / 3);
  await traffic.run(third);
  if (trains) {
    print(`${traffic.whole} of ${requests} served; training a ranker on all features`);
    await Promise.all([trainOnAllFeatures(home, env), traffic.run(Math.ceil(third / 10))]);
  }
  print(`${traffic.whole} of ${requests} served; killing features meanwhile`);
  await meanwhile(processes, 'features', traffic.run(third));
  const rolling = roll(config);
  print(`${traffic.whole} of ${requests} served; killing ranking meanwhile`);
  await meanwhile(processes, 'ranking', traffic.run(third));
  while (traffic.whole < requests) await traffic.run(requests - traffic.whole);
  await rolling;
  await untilRecorded(traffic.requestIds, logging);
  await roll(config);
  for (const open of channels.values()) open.close();
  const seconds = (performance.now() - startedAt) / 1000;
  print(`seed ${SEED}; sent in ${seconds.toFixed(1)} s: ${JSON.stringify(traffic.sent)}`);
  return traffic.states;
}

/** Trains on the log as it is; the services take the bundle up by themselves. */
async function trainOnAllFeatures(home: string, env: Plan['env']): Promise<void> {
  const { ended, child, stderr } = spawnMillrace(['train', '--ranker', 'logistic'], {
    ...env,
    MILLRACE_HOME: home,
    MILLRACE__TRAIN__RANKER__FEATURES: '[all]',
  });
  await ended;
  if (child.exitCode !== 0) throw new Error(`millrace train: ${stderr()}`);
}

/** Takes what the log holds into the lake. */
async function roll(config: ConfigSource): Promise<void> {
  await using log = await SegmentLog.openReadOnly(join(config.home, 'log'));
  await using roller = await Roller.open(lakeConfig(config));
  await roller.roll(log);
}

async function readPast(lake: Lake, config: ConfigSource, print: (line: string) => void): Promise<Past> {
  const { served, without } = await readServed(lake.readEvents());
  print(`the lake has ${lake.endOffset} events in ${lake.files.length} files`);
  print(`recorded: ${served.length} decisions with vectors, ${without} without (features or ranking away)`);
  const widths = new Map(
    served.map(({ bundle, items, features }) => [bundle, features.length / items.length]),
  );
  print(`values a row by bundle: ${[...widths].map(([bundle, width]) => `${bundle} ${width}`).join(', ')}`);
  const limits = configuredLimits({ config, log: createLogger('parity') });
  return { lake, served, bundles: await bundlesOf(served, config.home), limits };
}

/** Kills the service and starts it again while the work goes on. */
async function meanwhile(
  processes: Processes,
  name: 'features' | 'ranking',
  work: Promise<void>,
): Promise<void> {
  await processes.kill(name);
  await processes.restart(name);
  await work;
}

/** Answers when the decisions of all requests are in the log. */
async function untilRecorded(requestIds: readonly string[], logging: LoggingService): Promise<void> {
  const untilMs = Date.now() + RECORD_TIMEOUT_MS;
  for (const requestId of requestIds.slice(-100)) {
    const isRecorded = (): Promise<boolean> =>
      logging.getDecision({ requestId }, rootCall({ timeoutMs: 5_000 })).then(
        () => true,
        () => false,
      );
    while (!(await isRecorded())) {
      if (Date.now() > untilMs) throw new Error(`decision ${requestId} did not reach the log`);
      await pause(POLL_MS);
    }
  }
}

async function bundlesOf(served: readonly Served[], home: string): Promise<Map<string, BundleFeatures>> {
  const store = new BundleStore(join(home, 'bundles'));
  const bundles = new Map<string, BundleFeatures>();
  for (const version of new Set(served.map(({ bundle }) => bundle))) {
    const bundle = await store.open(version);
    bundles.set(version, {
      schema: await schemaOfBundle(bundle),
      counters: await bundle.decoded(Part.counters, ItemCounters.read),
    });
  }
  return bundles;
}

async function compare({ lake, served, bundles, limits }: Past, breakage: Breakage): Promise<Comparison> {
  const startedAt = performance.now();
  const found = { rows: 0, values: 0, missing: 0, mismatches: 0, features: new Map<string, number>() };
  let decisions = 0;
  for await (const made of new Recomputation(served, bundles, limits, breakage).run(lake.readEvents())) {
    decisions++;
    const { schema } = bundles.get(made.served.bundle) as BundleFeatures;
    if (made.served.featureSchema !== schema.hash)
      throw new Error('a vector is of another schema than its bundle');
    found.rows += made.served.items.length;
    const wrong = differing(made.served.features, made.features);
    found.mismatches += wrong.length;
    for (const at of wrong) {
      const name = schema.columns[at % schema.width];
      found.features.set(name, (found.features.get(name) ?? 0) + 1);
    }
    found.values += made.features.length;
    for (const value of made.features) if (Number.isNaN(value)) found.missing++;
  }
  if (decisions !== served.length)
    throw new Error(`${served.length - decisions} decisions could not be made again`);
  return { ...found, seconds: (performance.now() - startedAt) / 1000 };
}

/** Places where the bits differ, all NaN being one. */
function differing(served: Float32Array, made: Float32Array): number[] {
  if (served.length !== made.length) throw new Error(`${served.length} values served, ${made.length} made`);
  const [a, b] = [served, made].map(
    ({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length),
  );
  const places: number[] = [];
  for (let at = 0; at < a.length; at++)
    if (a[at] !== b[at] && !(Number.isNaN(served[at]) && Number.isNaN(made[at]))) places.push(at);
  return places;
}

function report(
  { rows, values, missing, mismatches, features, seconds }: Comparison,
  print: (line: string) => void,
) {
  print(
    `recomputed ${rows} rows, ${values} values (${missing} missing) in ${seconds.toFixed(1)} s: ${mismatches} mismatches`,
  );
  for (const [name, count] of [...features].slice(0, NAMED_MAX)) print(`  ${name}: ${count}`);
  return mismatches === 0;
}
