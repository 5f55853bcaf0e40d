import { type Manifest, Part } from '../../common/bundle/manifest.ts';
import type { Metrics } from './evaluation.ts';
import { type Holdout, holdOut } from './holdout.ts';
import { catalogueParts, learntParts, type Parts } from './parts.ts';
import { PairSet } from './positives.ts';
import { publish } from './publication.ts';
import { trainRanker } from './ranker.ts';
import { rankerExamples } from './ranker-examples.ts';
import { countersWithout } from './replay.ts';
import type { Training } from './training.ts';
import { tuned } from './tuning.ts';

/**
 * Learns a bundle from the log and publishes it, with the metrics of a holdout bundle that was learnt alike from all but each
 * user's last positive. In the end the sources learn from all of the log; the ranker is the one that was measured.
 */
export async function train(configured: Training): Promise<Manifest> {
  const { data, composition, progress } = configured;
  const shared = catalogueParts(data.catalogue);
  const holdout = holdOut(data, configured.config);
  const config = tuned(holdout, configured.config, progress);
  const training = { ...configured, config };

  const examples = await rankerExamples(training, holdout, shared);
  const ranker = await trainRanker(examples, config, progress);
  const withRanker = { ...shared, [Part.ranker]: ranker.onnx };

  const measured = await learn(training, holdout.train, holdout.testPairs);
  const tried = await publish(training, { ...withRanker, ...measured }, { suffix: '-holdout', ranker });
  const metrics: Record<string, Metrics> = await composition.evaluate(tried.version, data, holdout);

  const everything = await learn(training, holdout.full, new PairSet(data.catalogue.size));
  return publish(training, { ...withRanker, ...everything }, { ranker, metrics, holdout: tried.version });
}

/** The sources' parts, learnt from `matrix` and, for counters, from all events but those with pairs of `never`. */
function learn(
  { data, config, progress, nowMs }: Training,
  matrix: Holdout['full'],
  never: PairSet,
): Promise<Parts> {
  const counters = countersWithout(data, never);
  return learntParts({ matrix, counters, catalogue: data.catalogue, nowMs }, config, progress);
}
