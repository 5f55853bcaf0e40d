import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../common/root.ts';

/** Exit status of a benchmark whose arguments do not fit, which it has said. */
export const USAGE_STATUS = 2;

/** Packages whose version may move a figure. */
const MEASURED_PACKAGES = ['onnxruntime-node', 'hnswlib-node', '@duckdb/node-api'];

/** The versions that a figure was taken with. */
function versions(): Record<string, string> {
  const { version, dependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const packages = MEASURED_PACKAGES.map((name) => [name, dependencies[name]] as const);
  return { millrace: version, node: process.versions.node, ...Object.fromEntries(packages) };
}

/** Linux counts a parent's memory into `maxRSS`; the peak in /proc is of this process alone. */
function peakRssKb(): number {
  const status = existsSync(STATUS) ? readFileSync(STATUS, 'utf8') : '';
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  return peak === null ? process.resourceUsage().maxRSS : Number(peak[1]);
}

const STATUS = '/proc/self/status';

const SAID_EVERY_MS = 10_000;

/** Says on standard error how far `what` is: hears of each step on the way, and tells of one in ten seconds at most. */
export function heartbeat(what: string): (step: string) => void {
  const startedAt = performance.now();
  let saidAt = startedAt;
  return (step) => {
    const now = performance.now();
    if (now - saidAt < SAID_EVERY_MS) return;
    saidAt = now;
    const seconds = Math.round((now - startedAt) / 1000);
    console.error(`${what}: ${seconds} s, ${step}`);
  };
}

/** Does `work` and prints its figures as one JSON line with what they cost: seconds, peak memory of the process, seed, versions. */
export async function measured(
  print: (line: string) => void,
  labels: Readonly<Record<string, unknown>>,
  seed: number,
  work: () => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  const startedAt = performance.now();
  const figures = await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const peakRssMb = peakRssKb() / 1024;
  print(
    JSON.stringify({
      ...labels,
      ...figures,
      seconds: Number(seconds.toFixed(2)),
      peakRssMb: Math.round(peakRssMb),
      seed,
      versions: versions(),
    }),
  );
}

/**
 * Runs a benchmark once for each model, or what else `option` names, in a process of its own, so that each one's peak memory is its own and one that fails
 * leaves the others; prints what they print. Throws naming those that failed; ends the process where the arguments do not fit.
 */
export function eachInItsProcess(
  bench: string,
  args: readonly string[],
  models: readonly string[],
  print: (line: string) => void,
  option = 'model',
): void {
  const failed = models.filter((model, at) => {
    console.error(`${bench}: ${model} (${at + 1} of ${models.length})`);
    const command = [...process.execArgv, process.argv[1], bench, ...args, `--${option}`, model];
    const { status, stdout } = spawnSync(process.execPath, command, {
      stdio: ['ignore', 'pipe', 'inherit'],
      encoding: 'utf8',
    });
    if (status === USAGE_STATUS) process.exit(USAGE_STATUS);
    for (const line of stdout.split('\n')) if (line !== '') print(line);
    return status !== 0;
  });
  if (failed.length > 0) throw new Error(`${bench}: failed: ${failed.join(' ')}`);
}
