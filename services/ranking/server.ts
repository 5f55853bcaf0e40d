import { join } from 'node:path';
import { BundleHost } from '../../common/bundle/host.ts';
import { Part } from '../../common/bundle/manifest.ts';
import { type Bundle, BundleStore } from '../../common/bundle/store.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { bytesOf, Columns } from '../../common/columns.ts';
import { MillraceError } from '../../common/errors.ts';
import { CounterFeed } from '../../common/features/counter-feed.ts';
import { ItemColumns } from '../../common/features/item-columns.ts';
import { ItemCounters } from '../../common/features/item-counters.ts';
import { schemaOfBundle } from '../../common/features/schema.ts';
import { Scorer } from '../../common/onnx/scorer.ts';
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
import { RankStage } from './stage.ts';

interface Loaded {
  readonly stage: RankStage;
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
  const feed = new CounterFeed(features, log);
  let items: ItemColumns | undefined;
  const bundles = new BundleHost<Loaded>({
    store: new BundleStore(join(source.home, 'bundles')),
    log,
    load: async (bundle) => {
      const base = await catalogue.base(bundle);
      items ??= new ItemColumns(base);
      const stage = await openStage(bundle, items);
      return { stage, counters: await bundle.decoded(Part.counters, ItemCounters.read) };
    },
    unload: ({ stage }) => void stage.close(),
  });
  const implementation: RankingService = {
    rank: ({ context, candidates, wantsFeatures }) =>
      bundles.use(context.bundle, async ({ stage, counters: base }, bundle) => {
        checkRows(candidates, ROWS_MAX);
        const user = decodeUser(context.userState);
        const timeMs = requestTimeMs(context);
        const live = feed.current ?? ItemCounters.none;
        const counters = live.version > 0 ? live : base;
        const { epoch: catalogueEpoch, settled } = catalogue;
        const ranked = await stage.rank({ candidates, user, timeMs, counters, context });
        const whole = feed.connected && ranked.failed.length === 0;
        const degraded = whole ? [] : [DegradedReason.DEGRADED_REASON_FEATURES_FAILED];
        const given = wantsFeatures && settled;
        return {
          status: stageStatus('ranking', { bundle, catalogueEpoch, degraded }),
          candidates: ranked.candidates,
          features: given ? bytesOf(ranked.features) : NO_BYTES,
          featureSchema: given ? stage.schema.hash : '',
          countersVersion: live.version,
        };
      }),
  };
  const traits = {
    stage: 'ranking',
    needsColumns: [Columns.rrf],
    givesColumns: () => [Columns.ranking],
    needsUserState: true,
    rowsMax: ROWS_MAX,
  };
  return stageComponent({
    traits,
    contract: contracts.ranking,
    implementation,
    bundles,
    catalogue,
    close: async () => {
      await feed.stop();
      items?.close();
      if (replica === undefined) await catalogue.stop();
    },
  });
}

const NO_BYTES = Buffer.alloc(0);

async function openStage(bundle: Bundle, items: ItemColumns): Promise<RankStage> {
  const schema = await schemaOfBundle(bundle);
  try {
    const model = await bundle.read(Part.ranker);
    const expected = { width: schema.width, featureSchemaHash: schema.hash };
    return new RankStage(items, schema, await Scorer.open(model, expected));
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    const message = `bundle ${bundle.version}: part ${Part.ranker}: ${(cause as Error).message}`;
    throw new MillraceError('BUNDLE_DAMAGED', message, { metadata: { bundle: bundle.version } });
  }
}
