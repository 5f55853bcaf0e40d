import { type Manifest, Part } from '../../common/bundle/manifest.ts';
import type { Settings } from '../../common/models/candidate-families.ts';
import { championTeacher } from './champion.ts';
import type { Metrics } from './evaluation.ts';
import { schemaOfRun, withFittedRows } from './fitted-features.ts';
import { type Holdout, holdOut } from './holdout.ts';
import { impressionExamples } from './impression-examples.ts';
import { LEARNERS } from './learners/table.ts';
import { type ChosenSettings, catalogueParts, learntParts, type Parts } from './parts.ts';
import { PairSet } from './positives.ts';
import { publish } from './publication.ts';
import { trainRanker } from './ranker.ts';
import { rankerExamples } from './ranker-examples.ts';
import { countersWithout } from './replay.ts';
import { trainSecondStage } from './second-stage.ts';
import type { Configured, Training } from './training.ts';
import { Trials } from './trials.ts';

/**
 * Learns a bundle from the log and publishes it, with the metrics of a holdout bundle that was learnt alike from all but each
 * user's last positive. In the end the sources learn from all of the log; the ranker is the one that was measured.
 */
export async function train(configured: Configured): Promise<Manifest> {
  const { data, config, composition, progress } = configured;
  const shared = await catalogueParts(data.catalogue, config, progress);
  const holdout = holdOut(data, config);
  const training = { ...configured, chosen: await chosenSettings(configured, holdout) };

  const { impressions } = configured;
  const examples = withFittedRows(
    impressions === undefined
      ? await rankerExamples(training, holdout, shared)
      : impressionExamples(training, holdout, impressions, await schemaOfRun(training, holdout.train)),
  );
  const { schema } = examples;
  const { champion } = configured;
  const teacher = await championTeacher(champion, examples, Part.ranker);
  const ranker = await trainRanker(examples, config, teacher, progress);
  const secondStage = await trainSecondStage(examples, ranker.onnx, config, champion, progress);
  const withRanker: Parts = {
    ...shared,
    [Part.ranker]: ranker.onnx,
    ...('used' in secondStage && secondStage.used && { [Part.secondStage]: secondStage.onnx }),
  };

  const measured = await learn(training, holdout.train, holdout.testPairs);
  const tried = await publish(
    training,
    { ...withRanker, ...measured },
    { schema, suffix: '-holdout', ranker, secondStage },
  );
  const metrics: Record<string, Metrics> = await composition.evaluate(tried.version, data, holdout);

  const everything = await learn(training, holdout.full, new PairSet(data.catalogue.size));
  return publish(
    training,
    { ...withRanker, ...everything },
    { schema, ranker, secondStage, metrics, holdout: tried.version },
  );
}

/** Settings of every configured source, chosen on each user's last pair of the training part. */
async function chosenSettings(
  { data, config, progress }: Configured,
  holdout: Holdout,
): Promise<ChosenSettings> {
  const run = { config, progress, users: data.users };
  const trials = config.tuning.enabled ? new Trials(holdout, config) : undefined;
  const chosen: Record<string, Settings> = {};
  for (const [i, source] of config.candidates.entries()) {
    progress('choosing settings', i, config.candidates.length);
    chosen[source] = await LEARNERS[source].choose(run, trials);
  }
  progress('choosing settings', config.candidates.length, config.candidates.length);
  return chosen;
}

/** The sources' parts, learnt from `matrix` and, for counters, from all events but those with pairs of `never`. */
function learn(
  { data, config, chosen, progress, nowMs }: Training,
  matrix: Holdout['full'],
  never: PairSet,
): Promise<Parts> {
  const counters = countersWithout(data, never);
  return learntParts({ matrix, counters, catalogue: data.catalogue, nowMs }, chosen, {
    config,
    progress,
    users: data.users,
  });
}
