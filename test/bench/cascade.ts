import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { type Bundle, BundleStore } from '../../common/bundle/store.ts';
import { ConfigSource } from '../../common/config.ts';
import { Random } from '../../common/random.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { createAllInOne } from '../../deploy/all-in-one.ts';
import { RecommendRequest, type RecommendResponse } from '../../gen/millrace/orchestrator/v1/orchestrator.ts';
import { untilServing } from '../support/health.ts';
import { freeAddresses, Processes, SERVICES, spawnMillrace } from '../support/processes.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { makeTinyHome } from '../support/tiny-home.ts';
import { type Bench, parsed, wholeNumber } from './bench.ts';
import { methodOf, type Recordings } from './hops.ts';
import { HopsFloor } from './hops-floor.ts';
import { makeLargeWorld } from './large-world.ts';
import { load, type Measured } from './load.ts';
import { PlainClient } from './plain-client.ts';
import { openPureWork, type StageWork } from './pure-work.ts';
import { record, type StageInputs } from './record.ts';

const ITEMS = 100_000;
const USERS = 2_000;
const DIM = 64;
const RECORDED = 200;
const CONCURRENCY = 8;
const CALLS = 10_000;
const CALLS_SHORT = 300;
const WARM_UP_CALLS_MAX = 2_000;
const START_TIMEOUT_MS = 60_000;
/** A deadline that is never near, so that load shedding leaves every request its whole work. */
const SETTINGS = { MILLRACE_LOG_LEVEL: 'warn', MILLRACE__ORCHESTRATOR__DEADLINE_MS: '60000' };

interface Plan {
  readonly home: string;
  readonly calls: number;
  readonly print: (line: string) => void;
}

export const cascadeBench: Bench = {
  usage: '[--short] [--calls N] [--home FOLDER]',
  async run(args, print) {
    const { short, calls, home } = parsed(args, {
      short: { type: 'boolean', default: false },
      calls: { type: 'string' },
      home: { type: 'string' },
    });
    await using temporary = home === undefined ? await temporaryHome() : undefined;
    await benchCascade({
      home: home ?? (temporary?.home as string),
      calls: calls === undefined ? (short ? CALLS_SHORT : CALLS) : wholeNumber(calls, 'calls', 1),
      print,
    });
  },
};

/**
 * Recommend with 500 candidates on 100,000 items, in one process and split into seven, from this process by eight at a time
 * after a warm-up; CPU is that of all processes, this one included. Beside it two floors: the same messages over the same
 * hops by bare grpc-js between as many processes, and the stages' work called as functions here.
 */
async function benchCascade(plan: Plan): Promise<void> {
  const { home, print } = plan;
  await mkdir(home, { recursive: true });
  const bundle = await ensureBundle(plan);
  const { recordings, inputs } = await recordMessages(plan, bundle);
  const file = join(home, 'bench-recordings.v8');
  await writeFile(file, serialize(recordings));
  const pureBeforeUs = await measurePureWork(plan, bundle, inputs);
  const emptyUs = await measureEmptyCall(plan, file);
  const hops = await measureHops(plan, file, recordings);
  const one = await measureOneProcess(plan);
  // A machine that others use grows slower or faster meanwhile: the floor is taken before and after what it is compared with.
  const pureUs = (pureBeforeUs + (await measurePureWork(plan, bundle, inputs))) / 2;
  const split = await measureSplit(plan);
  const oneBound = 1.3 * pureUs + emptyUs;
  const splitBound = 2 * (hops.cpuUsPerCall + pureUs);
  print('');
  print('layout        calls/s  CPU/call     p50      p95      p99   bound     CPU / bound');
  print(row('hops floor', hops));
  print(row('one process', one, oneBound));
  print(row('split', split, splitBound));
  print(`pure work ${us(pureUs)}, empty call ${us(emptyUs)}`);
  print('bounds: one process 1.3 x pure work + empty call; split 2 x (hops floor + pure work)');
}

async function ensureBundle({ home, print }: Plan): Promise<Bundle> {
  const store = new BundleStore(join(home, 'bundles'));
  const known = await store.live().catch(() => undefined);
  if (known === undefined) {
    const startedAt = performance.now();
    const world = makeLargeWorld({ users: USERS, items: ITEMS, seed: 1 });
    await makeTinyHome(home, { world, dim: DIM, version: 'bench-1' });
    const seconds = (performance.now() - startedAt) / 1000;
    print(JSON.stringify({ bench: 'cascade', made: 'bundle', items: ITEMS, seconds: Math.round(seconds) }));
  }
  return store.open(known?.champion ?? 'bench-1');
}

async function recordMessages(
  { home, print }: Plan,
  bundle: Bundle,
): Promise<{ recordings: Recordings; inputs: StageInputs }> {
  const config = new ConfigSource({ MILLRACE_HOME: home });
  const all = await createAllInOne({ config, log: createLogger('bench') });
  try {
    await new Promise<void>((resolve) => all.watchServing((serving) => serving && resolve()));
    const users = Array.from({ length: RECORDED }, (_, row) => `user-${row}`);
    const { recordings, inputs } = await record(all, bundle, users);
    const bytes = Object.fromEntries(
      Object.entries(recordings).map(([name, { requests, responses }]) => [
        name,
        [meanBytes(requests), meanBytes(responses)],
      ]),
    );
    const candidates = inputs.filtering.reduce((sum, { candidates: { count } }) => sum + count, 0) / RECORDED;
    print(JSON.stringify({ bench: 'cascade', candidates, requestAndResponseBytes: bytes }));
    return { recordings, inputs };
  } finally {
    await all.close();
  }
}

function meanBytes(messages: readonly Buffer[]): number {
  return Math.round(messages.reduce((sum, { length }) => sum + length, 0) / messages.length);
}

/** CPU microseconds of all stages for one request, one after the other as a request goes through them. */
async function measurePureWork({ calls, print }: Plan, bundle: Bundle, inputs: StageInputs): Promise<number> {
  await using work = await openPureWork(bundle, inputs);
  const stages = Object.entries(work.stages);
  const byStage: Record<string, number> = {};
  for (const [name, stage] of stages) byStage[name] = await spentUsPerCall(calls / 10, stage);
  byStage.logging = await spentUsPerCall(calls / 10, work.log);
  const total = await spentUsPerCall(calls / 2, async (n) => {
    for (const [, stage] of stages) await stage(n);
    await work.log(n);
  });
  print(
    JSON.stringify({ bench: 'cascade', layout: 'pure work', cpuUsPerCall: total, byStageAlone: byStage }),
  );
  return total;
}

async function spentUsPerCall(calls: number, work: StageWork): Promise<number> {
  for (let n = 0; n < Math.min(calls, WARM_UP_CALLS_MAX); n++) await work(n);
  const before = process.cpuUsage();
  for (let n = 0; n < calls; n++) await work(n);
  return spentUs(before) / calls;
}

function spentUs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** CPU microseconds of one empty call from process to process, both sides. */
async function measureEmptyCall(plan: Plan, file: string): Promise<number> {
  const empty = Buffer.alloc(0);
  const emptyFile = `${file}.empty`;
  await writeFile(emptyFile, serialize({ features: { requests: [empty], responses: [empty] } }));
  await using floor = await HopsFloor.start(emptyFile, ['features']);
  const client = new PlainClient(floor.addresses.features, methodOf('features'));
  const request = methodOf('features').requestDeserialize(empty);
  const call = async (): Promise<void> => void (await client.call(request));
  const measured = await warmLoad(plan, 'empty call', floor.processes, call);
  client.close();
  return measured.cpuUsPerCall;
}

async function measureHops(plan: Plan, file: string, { orchestrator }: Recordings): Promise<Measured> {
  await using floor = await HopsFloor.start(file, SERVICES);
  const client = new PlainClient(floor.addresses.orchestrator, methodOf('orchestrator'));
  const requests = orchestrator.requests.map(methodOf('orchestrator').requestDeserialize);
  const call = async (n: number): Promise<void> => void (await client.call(requests[n % requests.length]));
  const measured = await warmLoad(plan, 'hops floor', floor.processes, call);
  client.close();
  return measured;
}

async function measureOneProcess(plan: Plan): Promise<Measured> {
  const { orchestrator: address } = await freeAddresses();
  const running = spawnMillrace(['serve', 'all'], {
    MILLRACE_HOME: plan.home,
    MILLRACE__ADDRESSES__ORCHESTRATOR: address,
    ...SETTINGS,
  });
  try {
    await untilServing(address, START_TIMEOUT_MS);
    return await measureFrontDoor(plan, 'one process', address, { all: running.child.pid as number });
  } finally {
    running.child.kill('SIGTERM');
    await running.ended;
  }
}

async function measureSplit(plan: Plan): Promise<Measured> {
  await using processes = await Processes.start({ home: plan.home, env: SETTINGS });
  const pids = Object.fromEntries(SERVICES.map((name) => [name, processes.pid(name) as number]));
  return await measureFrontDoor(plan, 'split', processes.addresses.orchestrator, pids);
}

async function measureFrontDoor(
  plan: Plan,
  layout: string,
  address: string,
  processes: Readonly<Record<string, number>>,
): Promise<Measured> {
  const client = new PlainClient(address, methodOf('orchestrator'));
  const random = new Random(1);
  const reasons = new Map<number, number>();
  let short = 0;
  const call = async (): Promise<void> => {
    const request = RecommendRequest.fromPartial({ userId: `user-${random.int(USERS)}` });
    const { items, degraded } = (await client.call(request)) as RecommendResponse;
    if (items.length < 20) short++;
    for (const reason of degraded) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  };
  const measured = await warmLoad(plan, layout, processes, call);
  if (short > 0 || reasons.size > 0)
    plan.print(JSON.stringify({ bench: 'cascade', layout, short, degraded: Object.fromEntries(reasons) }));
  client.close();
  return measured;
}

/** Loads after a warm-up, then once more one at a time for the latency of an idle system. */
async function warmLoad(
  { calls, print }: Plan,
  layout: string,
  processes: Readonly<Record<string, number>>,
  call: (number: number) => Promise<void>,
): Promise<Measured> {
  await load({ calls: Math.min(calls, WARM_UP_CALLS_MAX), concurrency: CONCURRENCY, processes, call });
  const measured = await load({ calls, concurrency: CONCURRENCY, processes, call });
  const alone = await load({ calls: calls / 10, concurrency: 1, processes, call });
  print(JSON.stringify({ bench: 'cascade', layout, concurrency: CONCURRENCY, ...measured }));
  print(JSON.stringify({ bench: 'cascade', layout, concurrency: 1, ...alone }));
  return measured;
}

function us(microseconds: number): string {
  return `${microseconds.toFixed(0)} us`;
}

function row(name: string, measured: Measured, boundUs?: number): string {
  const { callsPerSecond, cpuUsPerCall, p50Ms, p95Ms, p99Ms } = measured;
  const ms = (value: number): string => `${value.toFixed(2).padStart(6)} ms`;
  const bound =
    boundUs === undefined
      ? ''
      : `${us(boundUs).padStart(9)}  ${(cpuUsPerCall / boundUs).toFixed(2).padStart(8)}`;
  return (
    `${name.padEnd(12)}${callsPerSecond.toFixed(0).padStart(9)}${us(cpuUsPerCall).padStart(10)}` +
    `${ms(p50Ms)}${ms(p95Ms)}${ms(p99Ms)}${bound}`
  );
}
