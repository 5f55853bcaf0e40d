import { join } from 'node:path';
import { BundleHost } from '../../common/bundle/host.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { Columns, rankColumn, scoreColumn } from '../../common/columns.ts';
import { fieldError } from '../../common/errors.ts';
import { CounterFeed } from '../../common/features/counter-feed.ts';
import type { Framed } from '../../common/rpc/contract.ts';
import {
  type CandidatesService,
  contracts,
  type FeaturesService,
  type StageService,
} from '../../common/rpc/services.ts';
import type { Component, Environment } from '../../common/service.ts';
import { requestTimeMs, stageStatus } from '../../common/stage.ts';
import { stageComponent } from '../../common/stage-component.ts';
import { decodeUser } from '../../common/user-state.ts';
import type { RetrieveRequest } from '../../gen/millrace/candidates/v1/candidates.ts';
import { DegradedReason } from '../../gen/millrace/type/v1/type.ts';
import { candidatesSchema, EXCLUDED_MAX, LIMIT_MAX, SEEDS_MAX } from './config.ts';
import { openSources } from './sources/table.ts';
import { type Retrieval, RetrieveStage } from './stage.ts';

/** The candidates service. `replica`: shared in one process, else one of its own. */
export async function createCandidates(
  { config: source, log }: Environment,
  { features }: { features: FeaturesService },
  replica?: CatalogueReplica,
): Promise<Component & { implementation: CandidatesService; stage: StageService }> {
  const config = source.section('candidates', candidatesSchema);
  const catalogue = replica ?? new CatalogueReplica({ features, watcher: 'candidates', log });
  const counters = new CounterFeed(features, log);
  const bundles = new BundleHost<RetrieveStage>({
    store: new BundleStore(join(source.home, 'bundles')),
    log,
    load: async (bundle) => {
      const base = await catalogue.base(bundle);
      return new RetrieveStage(await openSources({ bundle, catalogue: base, counters, config }), base);
    },
    unload: (stage) => stage.close(),
  });
  const implementation: CandidatesService = {
    retrieve: (request, call) =>
      bundles.use(request.context.bundle, async (stage, bundle) => {
        const { candidates, sources } = await stage.retrieve(checked(request), call);
        const degraded = sources.some(({ error }) => error !== '')
          ? [DegradedReason.DEGRADED_REASON_SOURCE_FAILED]
          : [];
        const status = stageStatus('candidates', { bundle, catalogueEpoch: catalogue.epoch, degraded });
        return { status, candidates, sources };
      }),
  };
  const traits = {
    stage: 'candidates',
    givesColumns: () => columnsOf(bundles.loaded()),
    needsUserState: () => true,
    rowsMax: LIMIT_MAX,
  };
  return stageComponent({
    traits,
    contract: contracts.candidates,
    implementation,
    bundles,
    catalogue,
    close: async () => {
      for (const loaded of bundles.loaded()) loaded.close();
      await counters.stop();
      if (replica === undefined) await catalogue.stop();
    },
  });
}

function checked({ context, limit, seeds, sources, excluded }: Framed<RetrieveRequest>): Retrieval {
  if (limit < 1 || limit > LIMIT_MAX)
    throw fieldError('limit', `${limit} is not in [1, ${LIMIT_MAX}]`, 'LIMIT_OUT_OF_RANGE');
  if (seeds.count > SEEDS_MAX) throw fieldError('seeds.count', `${seeds.count} items; at most ${SEEDS_MAX}`);
  if (excluded.count > EXCLUDED_MAX)
    throw fieldError('excluded.count', `${excluded.count} items; at most ${EXCLUDED_MAX}`);
  return {
    user: decodeUser(context.userState),
    seeds: seeds.count === 0 ? undefined : seeds.items,
    excluded: excluded.items,
    timeMs: requestTimeMs(context),
    limit,
    names: sources,
    quality: context.quality === 0 ? 1 : context.quality,
  };
}

/** What an answer holds when no source fails: those of the sources that the loaded bundles have. */
function columnsOf(loaded: Iterable<RetrieveStage>): string[] {
  const names = new Set([...loaded].flatMap(({ sourceNames }) => sourceNames));
  return [Columns.rrf, ...[...names].flatMap((name) => [rankColumn(name), scoreColumn(name)])];
}
