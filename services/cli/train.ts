import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Manifest } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { systemClock } from '../../common/clock.ts';
import { ConfigSource } from '../../common/config.ts';
import { MillraceError } from '../../common/errors.ts';
import { type Environment, SECTIONS } from '../../common/service.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { featuresSchema } from '../features/config.ts';
import { openChampion } from '../training/champion.ts';
import { RANKERS, type SplitConfig, splitNamed, type TrainConfig, trainSchema } from '../training/config.ts';
import { openTrainingSource } from '../training/dataset/source.ts';
import { type SourceName, TRAINING_SOURCES } from '../training/dataset/source-names.ts';
import { train } from '../training/pipeline.ts';
import type { Progress } from '../training/progress.ts';
import { secondStageLine } from '../training/second-stage.ts';
import { metricsTable } from './metrics-table.ts';
import { compose, configuredLimits } from './offline/composition.ts';
import { ProgressBars } from './progress-bar.ts';
import { promote } from './promotion.ts';

interface Flags {
  readonly from?: SourceName;
  readonly ranker?: TrainConfig['ranker']['model'];
  readonly candidates?: string;
  readonly seed?: string;
  readonly split?: SplitConfig;
  readonly as: 'champion' | 'challenger' | 'none';
  readonly publish: boolean;
}

const HOUR_MS = 3_600_000;

/** `millrace train`. */
export function trainCommand(): Command {
  return new Command('train')
    .description('learn a bundle from the log or the lake, measure it and make it live')
    .addOption(
      new Option('--from <source>', 'what to learn from (default: train.source, log)').choices(
        TRAINING_SOURCES,
      ),
    )
    .addOption(new Option('--ranker <model>', 'the ranker to train').choices(['auto', ...RANKERS]))
    .option('--candidates <models>', 'candidate models to train, comma-separated, as ials,item_to_item,ease')
    .option('--seed <number>', 'seed of everything random')
    .option(
      '--split <split>',
      'what is held out to measure by: leave-one-out, ratio:0.2, time:0.1, time:2024-05-01',
      splitOf,
    )
    .addOption(
      new Option('--as <place>', 'what the bundle becomes')
        .choices(['champion', 'challenger', 'none'])
        .default('champion'),
    )
    .option('--no-publish', 'train and measure, and keep nothing')
    .action(runTrain);
}

function splitOf(text: string): SplitConfig {
  const split = splitNamed(text);
  if (split === undefined)
    throw new InvalidArgumentError('expected leave-one-out, ratio:SHARE, time:SHARE or time:INSTANT');
  return split;
}

async function runTrain(flags: Flags): Promise<void> {
  const config = new ConfigSource();
  config.checkSections(SECTIONS);
  const configured = config.section('train', trainSchema);
  const settings: TrainConfig = overlaid(configured, flags);
  const environment = { config, log: createLogger('train') };
  const startedMs = performance.now();
  const bars = new ProgressBars();
  const manifest = await (flags.publish
    ? trainAndPublish(environment, settings, bars.progress, flags.as)
    : trainAside(environment, settings, bars.progress)
  ).finally(() => bars.end());
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const place = flags.publish ? `published as ${flags.as}` : 'not kept';
  process.stdout.write(`${metricsTable(manifest.metrics)}\n`);
  const secondStage = secondStageLine(manifest);
  if (secondStage !== undefined) process.stdout.write(`${secondStage}\n`);
  process.stdout.write(`bundle ${manifest.version}, ${place}, in ${seconds} s\n`);
}

/** The configuration under what the command line says. CONFIG_INVALID names the option that does not fit. */
function overlaid(configured: TrainConfig, { from, candidates, ranker, seed, split }: Flags): TrainConfig {
  const parsed = trainSchema.safeParse({
    ...configured,
    ...(from !== undefined && { source: from }),
    ...(candidates !== undefined && { candidates: candidates.split(',') }),
    ...(seed !== undefined && { seed: Number(seed) }),
    ranker: { ...configured.ranker, ...(ranker !== undefined && { model: ranker }) },
    evaluation: { ...configured.evaluation, ...(split !== undefined && { split }) },
  });
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new MillraceError('CONFIG_INVALID', `--${path[0] as string}: ${message}`);
}

/** Learns a bundle from the log of the environment's home, publishes it there and makes it live as told. */
export async function trainAndPublish(
  environment: Environment,
  settings: TrainConfig,
  progress: Progress,
  as: Flags['as'] = 'champion',
): Promise<Manifest> {
  const store = new BundleStore(join(environment.config.home, 'bundles'));
  if (as === 'challenger' && (await store.live()) === undefined)
    throw new MillraceError('CONFIG_INVALID', 'there is no champion to challenge; train one first');
  const manifest = await learn(environment, environment, settings, progress);
  const live = await store.live();
  if (as === 'champion') await promote(environment, store, manifest.version);
  else if (as === 'challenger' && live !== undefined)
    await store.setLive({ ...live, challenger: manifest.version });
  return manifest;
}

/** The same in a folder that is deleted afterwards. */
async function trainAside(
  environment: Environment,
  settings: TrainConfig,
  progress: Progress,
): Promise<Manifest> {
  const home = await mkdtemp(join(tmpdir(), 'millrace-train-'));
  try {
    return await learn(
      environment,
      { ...environment, config: environment.config.at(home) },
      settings,
      progress,
    );
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function learn(
  source: Environment,
  target: Environment,
  config: TrainConfig,
  progress: Progress,
): Promise<Manifest> {
  await using events = await openTrainingSource(source.config, config.source);
  const data = await events.read();
  if (data.feedback.user.length === 0) {
    throw new MillraceError(
      'CONFIG_INVALID',
      `${source.config.home}: the ${config.source} holds nothing to learn from; import a data set first`,
    );
  }
  const { examples, impressions } = config.ranker;
  const windowMs = impressions.windowHours * HOUR_MS;
  return train({
    data,
    ...(examples === 'impressions' && { impressions: await events.readImpressions(data, windowMs) }),
    config,
    declared: source.config.section('features', featuresSchema).declared,
    limits: configuredLimits(target),
    store: new BundleStore(join(target.config.home, 'bundles')),
    champion: await openChampion(new BundleStore(join(source.config.home, 'bundles'))),
    composition: compose(target, progress),
    progress,
    nowMs: systemClock.nowMs(),
  });
}
