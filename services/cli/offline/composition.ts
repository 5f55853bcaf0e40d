import { join } from 'node:path';
import { Part } from '../../../common/bundle/manifest.ts';
import { BundleStore } from '../../../common/bundle/store.ts';
import { ItemCounters } from '../../../common/features/item-counters.ts';
import { schemaOfBundle } from '../../../common/features/schema.ts';
import { filteringSchema } from '../../../common/filters/config.ts';
import { Random } from '../../../common/random.ts';
import type { Environment } from '../../../common/service.ts';
import { anonymousUser, type User } from '../../../common/user-state.ts';
import type { UserLimits } from '../../../common/users/user-record.ts';
import { candidatesSchema, settingsOf } from '../../candidates/config.ts';
import { featuresSchema, userLimits } from '../../features/config.ts';
import type { LogData } from '../../training/dataset/from-log.ts';
import {
  backgroundOf,
  type Measured,
  type Metrics,
  measure,
  type Recommender,
} from '../../training/evaluation.ts';
import { type Holdout, trialsOf } from '../../training/holdout.ts';
import type { Progress } from '../../training/progress.ts';
import { foldWithout } from '../../training/replay.ts';
import type { Composition, Retrieval } from '../../training/training.ts';
import { openCascade } from './offline-cascade.ts';
import { OfflineFeatures } from './offline-features.ts';
import { openRetrieval } from './offline-retrieval.ts';

/** The limits of users' states that the features service is configured with. */
export function configuredLimits({ config }: Environment): UserLimits {
  return userLimits(config.section('features', featuresSchema), config.section('filtering', filteringSchema));
}

/** The services as training sees them: the real ones, in this process. */
export function compose(environment: Environment, progress: Progress): Composition {
  return {
    openRetrieval: (home, bundle, counters) => {
      const features = new OfflineFeatures(() => anonymousUser, counters).service;
      return openRetrieval({ ...environment, config: environment.config.at(home) }, bundle, features);
    },
    evaluate: async (bundle, data, holdout) =>
      metricsOf(await evaluateBundle(environment, bundle, data, holdout, progress)),
  };
}

/**
 * The metrics at `k` (default 10) of each source alone, of the cascade, of the cascade without the second stage if there is one, and by
 * the ranker's scores shuffled, on a holdout bundle.
 * Users are as the log without the test pairs makes them.
 */
export async function evaluateBundle(
  environment: Environment,
  version: string,
  data: LogData,
  holdout: Holdout,
  progress: Progress,
  k?: number,
): Promise<Record<string, Measured>> {
  const { bundle, stateOf, features } = await heldOutUsers(environment, version, data, holdout);
  await using retrieval = await openRetrieval(environment, version, features);
  await using cascade = await openCascade(environment, version, features);
  const candidates = environment.config.section('candidates', candidatesSchema);
  const recommenders = new Map<string, Recommender>();
  // New items, which `fresh` answers, are in no holdout.
  for (const name of ['popularity', ...(await schemaOfBundle(bundle)).sources]) {
    if (settingsOf(candidates, name).enabled && !recommenders.has(name.replaceAll('_', '-')))
      recommenders.set(name.replaceAll('_', '-'), sourceAlone(retrieval, name, stateOf));
  }
  recommenders.set('cascade', cascade.recommend);
  if (cascade.byRanking !== undefined) recommenders.set('cascade-ranking', cascade.byRanking);
  recommenders.set('cascade-shuffled', cascade.shuffled(new Random(SHUFFLE_SEED)));
  const background = backgroundOf(data.catalogue, holdout.train);
  return await measure(recommenders, trialsOf(data, holdout), background, progress, k);
}

/** A holdout bundle and its users as the log without the test pairs makes them. */
export async function heldOutUsers(
  environment: Environment,
  version: string,
  data: LogData,
  holdout: Holdout,
) {
  const bundle = await new BundleStore(join(environment.config.home, 'bundles')).open(version);
  const counters = await bundle.decoded(Part.counters, ItemCounters.read);
  const fold = foldWithout(data, holdout.testPairs, configuredLimits(environment));
  const stateOf = (userId: string): User => fold.state(userId, data.endOffset);
  return { bundle, stateOf, features: new OfflineFeatures(stateOf, counters).service };
}

const SHUFFLE_SEED = 1;

/** What a manifest keeps of the figures. */
export function metricsOf(models: Readonly<Record<string, Measured>>): Record<string, Metrics> {
  return Object.fromEntries(Object.entries(models).map(([name, { metrics }]) => [name, metrics]));
}

function sourceAlone(retrieval: Retrieval, source: string, stateOf: (userId: string) => User): Recommender {
  return async ({ userId, timeMs }, limit) => {
    const { items } = await retrieval.retrieve(stateOf(userId), timeMs, limit, source);
    return items;
  };
}
