import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Scenario } from './scenario.ts';

const NANOS_PER_MS = 1e6;

export const HOW_TO_GET_GHZ =
  'ghz is not on the PATH. Get it with: go install github.com/bojand/ghz/cmd/ghz@latest';

/** What a scenario came to. Times as the callers saw them, milliseconds. */
export interface LoadResult {
  readonly scenario: string;
  readonly calls: number;
  /** Calls that did not end with OK. */
  readonly failed: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** Calls by canonical code. */
  readonly codes: Readonly<Record<string, number>>;
  /** Calls by error message. */
  readonly errors: Readonly<Record<string, number>>;
}

/** The fields of ghz's JSON report that are used (https://ghz.sh/docs/output); times in nanoseconds. */
const reportSchema = z.object({
  count: z.number(),
  rps: z.number(),
  slowest: z.number(),
  statusCodeDistribution: z.record(z.string(), z.number()),
  errorDistribution: z.record(z.string(), z.number()),
  latencyDistribution: z.array(z.object({ percentage: z.number(), latency: z.number() })).nullable(),
});

/** The program, on the PATH or where `go install` puts it. */
export function findGhz(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  if (process.env.GOBIN) folders.push(process.env.GOBIN);
  folders.push(join(process.env.GOPATH || join(homedir(), 'go'), 'bin'));
  return folders.map((folder) => join(folder, 'ghz')).find(isExecutable);
}

/** Runs one scenario. `folder` takes its files. Throws with ghz's words where it could not run. */
export async function runGhz(
  ghz: string,
  run: { name: string; scenario: Scenario; address: string; folder: string },
): Promise<LoadResult> {
  const config = join(run.folder, 'config.json');
  const output = join(run.folder, 'report.json');
  await writeFile(config, JSON.stringify(run.scenario));
  const args = ['--config', config, '--format', 'json', '--output', output, run.address];
  await promisify(execFile)(ghz, args).catch((error: { stderr?: string; message: string }) => {
    throw new Error(`ghz: ${error.stderr?.trim() || error.message}`);
  });
  const report = reportSchema.parse(JSON.parse(await readFile(output, 'utf8')));
  const codes = report.statusCodeDistribution;
  const latencies = report.latencyDistribution ?? [];
  const quantileMs = (percentage: number): number =>
    (latencies.find((each) => each.percentage === percentage)?.latency ?? 0) / NANOS_PER_MS;
  return {
    scenario: run.name,
    calls: report.count,
    failed: report.count - (codes.OK ?? 0),
    callsPerSecond: report.rps,
    p50Ms: quantileMs(50),
    p95Ms: quantileMs(95),
    p99Ms: quantileMs(99),
    slowestMs: report.slowest / NANOS_PER_MS,
    codes,
    errors: report.errorDistribution,
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
