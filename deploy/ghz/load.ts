import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { systemClock } from '../../common/clock.ts';
import { ConfigSource } from '../../common/config.ts';
import { asMillraceError } from '../../common/errors.ts';
import { openLogReader } from '../../common/log/open-log.ts';
import { Random } from '../../common/random.ts';
import { startDemo } from '../../services/cli/demo/running.ts';
import { Steps } from '../../services/cli/demo/steps.ts';
import { DEMO_USERS } from '../../services/cli/demo/world.ts';
import { tableLines } from '../../services/cli/table.ts';
import { readLog } from '../../services/training/dataset/from-log.ts';
import { findGhz, HOW_TO_GET_GHZ, type LoadResult, runGhz } from './ghz.ts';
import { drawnData, readScenario, scenarioNames } from './scenario.ts';

const SEED = 1;
/** Requests of a scenario's data array; ghz goes through it again and again. */
const REQUESTS = 1_000;
/** Runs before the measured time, so that the figures are those of compiled code. */
const WARM_UP = '1s';

interface LoadOptions {
  readonly address?: string;
  readonly duration?: string;
  readonly json?: string;
  readonly users: number;
}

/** Where the load goes, and the log that users and items are drawn from. */
interface Target extends AsyncDisposable {
  readonly address: string;
  readonly home: string;
}

const program = new Command('load')
  .description('drive a front door with ghz, through reflection, as users of its own log would')
  .argument('[scenario...]', `which (default: all): ${scenarioNames().join(', ')}`)
  .option(
    '-a, --address <host:port>',
    'a running front door whose log is in MILLRACE_HOME (default: a demo world)',
  )
  .option('-z, --duration <time>', 'of each scenario, as 30s (default: what its file says)', ghzDuration)
  .option('--users <n>', 'people of the demo world', Number, DEMO_USERS)
  .option('--json <file>', 'where the summary is kept (default: $MILLRACE_HOME/load/<time>.json)')
  .showHelpAfterError('(--help says more)')
  .action(load);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`load: ${asMillraceError(error).message}\n`);
  process.exitCode = 1;
}

async function load(chosen: string[], options: LoadOptions): Promise<void> {
  const unknown = chosen.find((name) => !scenarioNames().includes(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      `no scenario is called ${unknown}; there are ${scenarioNames().join(', ')}`,
    );
  const ghz = findGhz();
  if (ghz === undefined) throw new Error(HOW_TO_GET_GHZ);
  const config = new ConfigSource();
  const { home } = config;
  await using target = await targetOf(options, home);
  await using log = await openLogReader(config.at(target.home));
  const { users, catalogue } = await readLog(log);
  const items = Array.from({ length: catalogue.size }, (_, ordinal) => catalogue.item(ordinal)?.id ?? '');
  const world = { users, items: items.filter((id) => id !== '') };
  const results: LoadResult[] = [];
  for (const name of chosen.length > 0 ? chosen : scenarioNames()) {
    const scenario = await readScenario(name);
    const data = drawnData(scenario.data, world, REQUESTS, new Random(SEED));
    const duration = options.duration ?? scenario.duration;
    const run = (time: string): Promise<LoadResult> =>
      withFolder((folder) =>
        runGhz(ghz, {
          name,
          scenario: { ...scenario, data, duration: time },
          address: target.address,
          folder,
        }),
      );
    await run(WARM_UP);
    results.push(await run(duration));
    print(`  ${pc.green('✓')} ${scenario.name}`);
  }
  for (const line of summaryLines(results)) print(line);
  await keep(resolve(options.json ?? join(home, 'load', `${fileTime()}.json`)), target.address, results);
  if (results.some(({ failed }) => failed > 0)) process.exitCode = 1;
}

async function targetOf({ address, users }: LoadOptions, home: string): Promise<Target> {
  if (address !== undefined) return { address, home, [Symbol.asyncDispose]: async () => {} };
  return startDemo(new Steps(), users);
}

function summaryLines(results: readonly LoadResult[]): string[] {
  const ms = (value: number): string => value.toFixed(1);
  const columns = ['calls', 'failed', 'calls/s', 'p50 ms', 'p95 ms', 'p99 ms', 'slowest ms'].map((title) => ({
    title,
    align: 'right' as const,
  }));
  const rows = results.map((result) => [
    result.scenario,
    String(result.calls),
    String(result.failed),
    result.callsPerSecond.toFixed(0),
    ms(result.p50Ms),
    ms(result.p95Ms),
    ms(result.p99Ms),
    ms(result.slowestMs),
  ]);
  return ['', ...tableLines([{ title: 'scenario' }, ...columns], rows, pc.bold)];
}

async function keep(path: string, address: string, results: readonly LoadResult[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const summary = { timeMs: systemClock.nowMs(), address, results };
  await writeFile(path, `${JSON.stringify(summary, null, 2)}\n`);
  print(pc.dim(`\nsummary: ${path}`));
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-ghz-'));
  return work(folder).finally(() => rm(folder, { recursive: true, force: true }));
}

function fileTime(): string {
  return new Date(systemClock.nowMs()).toISOString().replace(/[-:]|\.\d+/g, '');
}

function ghzDuration(text: string): string {
  if (!/^\d+(ms|s|m)$/.test(text)) throw new InvalidArgumentError('expected a time like 500ms, 30s or 2m');
  return text;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
