import { join } from 'node:path';
import { BundleHost } from '../../common/bundle/host.ts';
import { BundleStore } from '../../common/bundle/store.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { Candidates, Columns } from '../../common/columns.ts';
import { filteringSchema } from '../../common/filters/config.ts';
import type { FilterContext } from '../../common/filters/filter.ts';
import { ItemFilters } from '../../common/filters/item-filters.ts';
import {
  contracts,
  type FeaturesService,
  type FilteringService,
  type StageService,
} from '../../common/rpc/services.ts';
import type { Component, Environment } from '../../common/service.ts';
import { checkRows, requestTimeMs, stageStatus } from '../../common/stage.ts';
import { stageComponent } from '../../common/stage-component.ts';
import { decodeUser } from '../../common/user-state.ts';
import type { FilterRequest } from '../../gen/millrace/filtering/v1/filtering.ts';
import { DegradedReason } from '../../gen/millrace/type/v1/type.ts';

/** Rows that one request may have. */
const ROWS_MAX = 10_000;

/** The filtering service. `replica`: shared in one process, else one of its own. */
export async function createFiltering(
  { config: source, log }: Environment,
  { features }: { features: FeaturesService },
  replica?: CatalogueReplica,
): Promise<Component & { implementation: FilteringService; stage: StageService }> {
  const config = source.section('filtering', filteringSchema);
  const catalogue = replica ?? new CatalogueReplica({ features, watcher: 'filtering', log });
  const store = new BundleStore(join(source.home, 'bundles'));
  let filters: ItemFilters | undefined;
  const bundles = new BundleHost<ItemFilters>({
    store,
    log,
    load: async (bundle) => {
      const base = await catalogue.base(bundle);
      filters ??= new ItemFilters(base, config);
      return filters;
    },
  });
  const implementation: FilteringService = {
    filter: (request) =>
      bundles.use(request.context.bundle, (stage, bundle) => {
        const { candidates } = request;
        checkRows(candidates, ROWS_MAX);
        const { removed, undecided } = stage.filter(candidates.items, contextOf(request));
        const degraded = undecided.length === 0 ? [] : [DegradedReason.DEGRADED_REASON_FILTER_UNDECIDED];
        const status = stageStatus('filtering', { bundle, catalogueEpoch: catalogue.epoch, degraded });
        return { status, ...split(candidates.items, removed) };
      }),
  };
  const traits = { stage: 'filtering', needsUserState: () => true, rowsMax: ROWS_MAX };
  return stageComponent({
    traits,
    contract: contracts.filtering,
    implementation,
    bundles,
    catalogue,
    close: async () => {
      filters?.close();
      if (replica === undefined) await catalogue.stop();
    },
  });
}

function contextOf({
  context,
  excluded,
}: {
  context: FilterRequest['context'] & object;
  excluded: Candidates;
}): FilterContext {
  return {
    nowMs: requestTimeMs(context),
    region: context.region,
    excluded: excluded.items,
    user: decodeUser(context.userState),
  };
}

/** The items kept and the items removed with their reasons, each in the order given. */
function split(items: Uint32Array, reasons: Uint8Array): { candidates: Candidates; removed: Candidates } {
  let gone = 0;
  for (const reason of reasons) if (reason !== 0) gone++;
  const kept = new Uint32Array(items.length - gone);
  const removed = new Uint32Array(gone);
  const why = new Float32Array(gone);
  for (let row = 0, k = 0, r = 0; row < items.length; row++) {
    if (reasons[row] === 0) kept[k++] = items[row];
    else {
      why[r] = reasons[row];
      removed[r++] = items[row];
    }
  }
  return {
    candidates: new Candidates(kept),
    removed: new Candidates(removed, new Map([[Columns.removalReason, why]])),
  };
}
