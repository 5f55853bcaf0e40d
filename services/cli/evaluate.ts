import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import pico from 'picocolors';
import type { Manifest } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { ConfigSource } from '../../common/config.ts';
import { MillraceError } from '../../common/errors.ts';
import { type Environment, SECTIONS } from '../../common/service.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { splitName, trainSchema } from '../training/config.ts';
import { openTrainingSource } from '../training/dataset/source.ts';
import { type SourceName, TRAINING_SOURCES } from '../training/dataset/source-names.ts';
import { CUT_OFF, type Measured } from '../training/evaluation.ts';
import { holdOut } from '../training/holdout.ts';
import type { Progress } from '../training/progress.ts';
import { compared, comparisonLine, pairOf } from './comparison.ts';
import { metricsTable } from './metrics-table.ts';
import { evaluateBundle, metricsOf } from './offline/composition.ts';
import { ProgressBars } from './progress-bar.ts';

interface Flags {
  readonly from?: SourceName;
  readonly bundle?: string;
  readonly k: number;
  readonly compare?: readonly string[];
  readonly json?: boolean;
}

/** Longest list that is measured. */
const K_MAX = 500;

/** `millrace evaluate`. */
export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('measure each source and the whole cascade on the events that the bundle held out')
    .addOption(
      new Option(
        '--from <source>',
        'where the events are (default: where the bundle was learnt from)',
      ).choices(TRAINING_SOURCES),
    )
    .option('--bundle <version>', 'the bundle whose holdout bundle is measured (default: the champion)')
    .option('--k <number>', 'length of the lists that are measured', lengthOf, CUT_OFF)
    .option('--compare <models...>', "two models to be told apart: paired tests of their users' NDCG")
    .option('--json', 'one JSON line a model, with more metrics, instead of the table')
    .action(runEvaluate);
}

function lengthOf(text: string): number {
  const k = Number(text);
  if (!Number.isInteger(k) || k < 1 || k > K_MAX)
    throw new InvalidArgumentError(`expected a whole number from 1 to ${K_MAX}`);
  return k;
}

async function runEvaluate({ from, bundle, k, compare, json }: Flags): Promise<void> {
  const names = compare && pairOf(compare);
  const config = new ConfigSource();
  config.checkSections(SECTIONS);
  const environment = { config, log: createLogger('evaluate') };
  const bars = new ProgressBars();
  const { split, models } = await evaluate(environment, { from, bundle, k, progress: bars.progress }).finally(
    () => bars.end(),
  );
  const comparison = names && compared(models, names);
  const print = (line: string): unknown => process.stdout.write(`${line}\n`);
  if (json) {
    for (const [model, values] of Object.entries(metricsOf(models)))
      print(JSON.stringify({ model, split, ...values }));
    if (comparison !== undefined)
      print(JSON.stringify({ compare: names, split, metric: `ndcg@${k}`, ...comparison }));
    return;
  }
  print(metricsTable(metricsOf(models)));
  print(pico.dim(`${split}; all items ranked, those taken up before masked, equal scores by ordinal`));
  if (names && comparison) print(comparisonLine(names, `ndcg@${k}`, comparison));
}

export interface Evaluation {
  /** The split that the bundle was trained by, as `leave-one-out`. */
  readonly split: string;
  readonly models: Readonly<Record<string, Measured>>;
}

/** Measures the holdout bundle of `bundle`, or of the champion, on the events as they were when they were made. */
export async function evaluate(
  environment: Environment,
  {
    from,
    bundle,
    k,
    progress = () => {},
  }: { from?: SourceName | undefined; bundle?: string | undefined; k?: number; progress?: Progress } = {},
): Promise<Evaluation> {
  const { version, data, holdout } = await readHoldout(environment, { from, bundle });
  const models = await evaluateBundle(environment, version, data, holdout, progress, k);
  return { split: splitName(holdout.split), models };
}

/** The holdout bundle of `bundle`, or of the champion, and the split that it was made by. */
export async function readHoldout(
  { config: source }: Environment,
  { from, bundle }: { from?: SourceName | undefined; bundle?: string | undefined },
) {
  const { version, logOffset, settings } = await holdoutOf(source.home, bundle);
  const config = trainSchema.parse(settings.train);
  await using events = await openTrainingSource(source, from ?? config.source);
  const data = await events.read(logOffset);
  return { version, data, holdout: holdOut(data, config) };
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
