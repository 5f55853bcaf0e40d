import { join } from 'node:path';
import { BundleHost } from '../../common/bundle/host.ts';
import { Part } from '../../common/bundle/manifest.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { bytesOf, Columns } from '../../common/columns.ts';
import { FeatureWorld } from '../../common/features/feature-world.ts';
import { ItemCounters } from '../../common/features/item-counters.ts';
import { ServedModel } from '../../common/features/served-model.ts';
import {
  contracts,
  type FeaturesService,
  type RankingService,
  type StageService,
} from '../../common/rpc/services.ts';
import type { Component, Environment } from '../../common/service.ts';
import { checkRows, requestTimeMs, stageStatus } from '../../common/stage.ts';
import { stageComponent } from '../../common/stage-component.ts';
import { decodeUser } from '../../common/user-state.ts';
import { DegradedReason } from '../../gen/millrace/type/v1/type.ts';
import { ROWS_MAX, rankingSchema } from './config.ts';
import { rank } from './stage.ts';

interface Loaded {
  readonly model: ServedModel;
  /** The counters at the time of training, while nothing is counted live. */
  readonly counters: ItemCounters;
}

/** The ranking service. `replica`: shared in one process, else one of its own. */
export async function createRanking(
  { config: source, log }: Environment,
  { features }: { features: FeaturesService },
  replica?: CatalogueReplica,
): Promise<Component & { implementation: RankingService; stage: StageService }> {
  source.section('ranking', rankingSchema);
  const catalogue = replica ?? new CatalogueReplica({ features, watcher: 'ranking', log });
  const world = FeatureWorld.of(catalogue, features, log);
  const bundles = new BundleHost<Loaded>({
    store: new BundleStore(join(source.home, 'bundles')),
    log,
    load: async (bundle) => {
      const items = world.items(await catalogue.base(bundle));
      const model = await ServedModel.open(bundle, Part.ranker, items);
      return { model, counters: await bundle.decoded(Part.counters, ItemCounters.read) };
    },
    unload: ({ model }) => void model.close(),
  });
  const implementation: RankingService = {
    rank: ({ context, candidates, wantsFeatures }) =>
      bundles.use(context.bundle, async ({ model, counters: base }, bundle) => {
        checkRows(candidates, ROWS_MAX);
        const user = decodeUser(context.userState);
        const timeMs = requestTimeMs(context);
        const { version: countersVersion } = world.live;
        const counters = world.counters(base);
        const { epoch: catalogueEpoch, settled } = catalogue;
        const ranked = await rank(model, { candidates, user, timeMs, counters, context });
        const whole = world.connected && ranked.failed.length === 0;
        const degraded = whole ? [] : [DegradedReason.DEGRADED_REASON_FEATURES_FAILED];
        const given = wantsFeatures && settled;
        return {
          status: stageStatus('ranking', { bundle, catalogueEpoch, degraded }),
          candidates: ranked.candidates,
          features: given ? bytesOf(ranked.features) : NO_BYTES,
          featureSchema: given ? model.schema.hash : '',
          countersVersion,
        };
      }),
  };
  const traits = {
    stage: 'ranking',
    needsColumns: [Columns.rrf],
    givesColumns: () => [Columns.ranking],
    needsUserState: () => true,
    rowsMax: ROWS_MAX,
  };
  return stageComponent({
    traits,
    contract: contracts.ranking,
    implementation,
    bundles,
    catalogue,
    close: async () => {
      await world[Symbol.asyncDispose]();
      if (replica === undefined) await catalogue.stop();
    },
  });
}

const NO_BYTES = Buffer.alloc(0);
