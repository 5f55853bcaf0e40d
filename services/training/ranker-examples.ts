import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BundleStore } from '../../common/bundle/store.ts';
import type { FeatureSchema } from '../../common/features/schema.ts';
import type { PositionBias } from '../../common/models/position-tower.ts';
import { Random } from '../../common/random.ts';
import { ExampleBuffer, ExampleMaker, type GroupedExamples, type Retrieve } from './examples.ts';
import { schemaOfRun } from './fitted-features.ts';
import { drawn, type Holdout } from './holdout.ts';
import { outcomesOf } from './outcomes.ts';
import { learntParts, type Parts } from './parts.ts';
import { latestPairs, PairSet, type Target, withoutPairs } from './positives.ts';
import { publish } from './publication.ts';
import { countersWithout, replay } from './replay.ts';
import type { Training } from './training.ts';

export interface RankerExamples {
  readonly schema: FeatureSchema;
  readonly train: GroupedExamples;
  /** Groups with at least one positive each: users' latest moments with all their candidates, or the latest lists shown. */
  readonly validation: GroupedExamples;
  /** The slots of the training rows, where they were shown in slots. */
  readonly positionBias?: PositionBias;
}

/** Which moments make examples. */
interface Plan {
  /** Users' latest pairs of the training part, oldest first. */
  readonly targets: readonly Target[];
  /** Those of the targets that validate. */
  readonly validating: PairSet;
  /** Targets and test pairs: what the models that retrieve must not have seen. */
  readonly unlearnt: PairSet;
}

/**
 * Replays the latest pairs of the training part against a bundle that has not seen them: what retrieval would have answered at
 * each moment, described as the ranker will see it. Counters are that bundle's, as its popularity is. `shared`: parts that do
 * not depend on interactions.
 */
export async function rankerExamples(
  training: Training,
  holdout: Holdout,
  shared: Parts,
): Promise<RankerExamples> {
  const { data, config, limits, composition, progress, chosen, nowMs } = training;
  const { catalogue } = data;
  const random = new Random(config.seed);
  const { targets, validating, unlearnt } = planned(training, holdout, random);
  const counters = countersWithout(data, unlearnt);
  const matrix = withoutPairs(holdout.train, unlearnt);
  const schema = await schemaOfRun(training, matrix);
  const parts = await learntParts({ matrix, counters, catalogue, nowMs }, chosen, {
    config,
    progress,
    users: data.users,
  });
  const home = await mkdtemp(join(tmpdir(), 'millrace-train-'));
  try {
    const store = new BundleStore(join(home, 'bundles'));
    const { version } = await publish({ ...training, store }, { ...shared, ...parts }, { schema });
    await using retrieval = await composition.openRetrieval(home, version, counters);
    const { candidates, negatives } = config.ranker;
    const retrieve: Retrieve = (user, timeMs) => retrieval.retrieve(user, timeMs, candidates);
    const maker = new ExampleMaker({ catalogue, schema, retrieve, counters, random });
    const train = new ExampleBuffer(schema.width);
    const validation = new ExampleBuffer(schema.width);
    const outcomeOf = outcomesOf(data, targets);
    let done = 0;
    for (const moment of replay(data, targets, holdout.testPairs, limits)) {
      const outcome = outcomeOf(moment);
      if (validating.has(moment.user, moment.item)) await maker.add(moment, outcome, candidates, validation);
      else await maker.add(moment, outcome, negatives, train);
      progress('replaying the log', ++done, targets.length);
    }
    return { schema, train: train.finish(), validation: validation.finish() };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function planned({ data, config }: Training, { train, testPairs }: Holdout, random: Random): Plan {
  const { usersMax, heldOut, validationMax } = config.ranker;
  const users = drawn([...data.users.keys()], usersMax, random);
  const targets = latestPairs(train, users, heldOut);
  const last = targets.filter(({ user }, i) => targets[i + 1]?.user !== user);
  const itemCount = data.catalogue.size;
  return {
    targets,
    validating: PairSet.of(drawn(last, validationMax, random), itemCount),
    unlearnt: testPairs.with(targets),
  };
}
