import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Manifest } from '../../../common/bundle/manifest.ts';
import { ConfigSource } from '../../../common/config.ts';
import { MillraceError } from '../../../common/errors.ts';
import { addressesSchema, type RunningService, runService } from '../../../common/service.ts';
import { createLogger } from '../../../common/telemetry/log.ts';
import { createAllInOne } from '../../../deploy/all-in-one.ts';
import { trainSchema } from '../../training/config.ts';
import { trainAndPublish } from '../train.ts';
import type { Steps } from './steps.ts';
import { SpanKeeper } from './trace.ts';
import { type DemoWorld, makeDemoWorld, writeDemoWorld } from './world.ts';

const LIVE_TIMEOUT_MS = 30_000;
/** Users that the ranker's examples come from and that the bundle is measured on: enough in a minute's time. */
const RANKER_USERS = 600;
const MEASURED_USERS = 500;

const ENDING = ['SIGINT', 'SIGTERM'] as const;
/** What shells answer for a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** The demo's world, trained on and served in this process. */
export interface Demo extends AsyncDisposable {
  readonly home: string;
  readonly config: ConfigSource;
  /** Where the front door listens. */
  readonly address: string;
  readonly world: DemoWorld;
  readonly manifest: Manifest;
  readonly spans: SpanKeeper;
}

/**
 * Makes the world in a fresh folder, trains, publishes and serves. Disposal stops it and removes the folder; a signal before
 * that removes it and ends the process.
 */
export async function startDemo(steps: Steps, userCount: number): Promise<Demo> {
  process.env.MILLRACE_LOG_LEVEL ??= 'warn';
  const home = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
  const remove = (): void => rmSync(home, { recursive: true, force: true });
  const abandon = (): never => {
    remove();
    process.exit(INTERRUPTED);
  };
  for (const signal of ENDING) process.once(signal, abandon);
  try {
    const port = await portFor(new ConfigSource());
    const config = new ConfigSource({
      ...process.env,
      MILLRACE_HOME: home,
      MILLRACE__LOGGING__ENGINE: 'local',
      MILLRACE__ADDRESSES__ORCHESTRATOR: `127.0.0.1:${port}`,
    });
    const world = await makeWorld(steps, home, userCount);
    const manifest = await train(steps, config);
    const spans = new SpanKeeper();
    const running = await steps.run(
      'serve',
      () => serve(config, spans),
      ({ port }) => served(port),
    );
    return {
      home,
      config,
      address: `127.0.0.1:${running.port}`,
      world,
      manifest,
      spans,
      [Symbol.asyncDispose]: () => running.stop().finally(remove),
    };
  } catch (error) {
    remove();
    throw error;
  } finally {
    for (const signal of ENDING) process.off(signal, abandon);
  }
}

function makeWorld(steps: Steps, home: string, userCount: number): Promise<DemoWorld> {
  return steps.run(
    'make the world',
    async (report) => {
      report('people and what they watched');
      const world = makeDemoWorld(userCount);
      await writeDemoWorld(home, world, (done, total) => report('writing the log', done, total));
      return world;
    },
    ({ audience: { films, users }, events }) =>
      `${count(films.length)} films, ${count(users.length)} simulated people, ${count(events.count)} events in the log`,
  );
}

function train(steps: Steps, config: ConfigSource): Promise<Manifest> {
  const configured = config.section('train', trainSchema);
  const settings = {
    ...configured,
    ranker: { ...configured.ranker, usersMax: Math.min(configured.ranker.usersMax, RANKER_USERS) },
    evaluation: {
      ...configured.evaluation,
      usersMax: Math.min(configured.evaluation.usersMax, MEASURED_USERS),
    },
  };
  return steps.run(
    'train',
    (report) => trainAndPublish({ config, log: createLogger('train') }, settings, report),
    ({ version, metrics }) => {
      const ndcg = (model: string): string => metrics[model]?.['ndcg@10']?.toFixed(3) ?? '–';
      return `bundle ${version} (NDCG@10 ${ndcg('cascade')}; popularity ${ndcg('popularity')})`;
    },
  );
}

/** Answers when the front door reports that it can answer. */
async function serve(config: ConfigSource, spans: SpanKeeper): Promise<RunningService> {
  let live: () => void = () => {};
  const untilLive = new Promise<void>((resolve) => {
    live = resolve;
  });
  const running = await runService(
    'orchestrator',
    async (environment) => {
      const all = await createAllInOne(environment);
      const watchServing = (changed: (serving: boolean) => void): void =>
        all.watchServing((serving) => {
          changed(serving);
          if (serving) live();
        });
      return { ...all, watchServing };
    },
    { config, spanProcessors: [spans] },
  );
  const late = setTimeout(LIVE_TIMEOUT_MS, 'late', { ref: false });
  if ((await Promise.race([untilLive, late])) === 'late')
    throw new MillraceError('STAGE_UNAVAILABLE', `the services are not ready after ${LIVE_TIMEOUT_MS} ms`);
  return running;
}

/** The front door's port where it is free, else another. */
async function portFor(config: ConfigSource): Promise<number> {
  const { orchestrator } = config.section('addresses', addressesSchema);
  const wanted = Number(/^127\.0\.0\.1:(\d+)$/.exec(orchestrator)?.[1] ?? 0);
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(0));
    probe.listen(wanted, '127.0.0.1', () => probe.close(() => resolve(wanted)));
  });
}

function served(port: number): string {
  return `all seven services in this process, front door at 127.0.0.1:${port}`;
}

function count(n: number): string {
  return n.toLocaleString('en-GB');
}
