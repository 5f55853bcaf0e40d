import { join } from 'node:path';
import { Command } from 'commander';
import type { Manifest } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { ConfigSource } from '../../common/config.ts';
import { MillraceError } from '../../common/errors.ts';
import { type Environment, SECTIONS } from '../../common/service.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { trainSchema } from '../training/config.ts';
import { readLog } from '../training/dataset/from-log.ts';
import type { Metrics } from '../training/evaluation.ts';
import { holdOut } from '../training/holdout.ts';
import type { Progress } from '../training/progress.ts';
import { metricsTable } from './metrics-table.ts';
import { evaluateBundle } from './offline/composition.ts';
import { ProgressBars } from './progress-bar.ts';

interface Flags {
  readonly bundle?: string;
  readonly json?: boolean;
}

/** `millrace evaluate`. */
export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('measure each source and the whole cascade on held-out events')
    .option('--bundle <version>', 'the bundle whose holdout bundle is measured (default: the champion)')
    .option('--json', 'one JSON line a model instead of the table')
    .action(runEvaluate);
}

async function runEvaluate(flags: Flags): Promise<void> {
  const config = new ConfigSource();
  config.checkSections(SECTIONS);
  const environment = { config, log: createLogger('evaluate') };
  const bars = new ProgressBars();
  const metrics = await evaluate(environment, flags.bundle, bars.progress).finally(() => bars.end());
  if (!flags.json) process.stdout.write(`${metricsTable(metrics)}\n`);
  else
    for (const [model, values] of Object.entries(metrics))
      process.stdout.write(`${JSON.stringify({ model, ...values })}\n`);
}

/** Metrics of the holdout bundle of `named`, or of the champion, on the log as it was when they were made. */
export async function evaluate(
  environment: Environment,
  named?: string,
  progress: Progress = () => {},
): Promise<Record<string, Metrics>> {
  const { home } = environment.config;
  const { version, logOffset, settings } = await holdoutOf(home, named);
  const data = await readLog(join(home, 'log'), logOffset);
  const holdout = holdOut(data, trainSchema.parse(settings.train));
  return evaluateBundle(environment, version, data, holdout, progress);
}

/** The manifest of the holdout bundle that belongs to the bundle named, or to the champion. */
async function holdoutOf(home: string, named: string | undefined): Promise<Manifest> {
  const store = new BundleStore(join(home, 'bundles'));
  const version = named ?? (await store.live())?.champion;
  if (version === undefined)
    throw new MillraceError('BUNDLE_UNKNOWN', `${home}: no bundle is live; train one first`);
  const { holdout } = await store.manifest(version);
  if (holdout === '') throw new MillraceError('BUNDLE_UNKNOWN', `bundle ${version} has no holdout bundle`);
  return store.manifest(holdout);
}
