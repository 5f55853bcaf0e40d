import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Part } from '../../common/bundle/manifest.ts';
import type { Bundle } from '../../common/bundle/store.ts';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { ItemColumns } from '../../common/features/item-columns.ts';
import { ItemCounters } from '../../common/features/item-counters.ts';
import { ServedModel } from '../../common/features/served-model.ts';
import { filteringSchema } from '../../common/filters/config.ts';
import { ItemFilters } from '../../common/filters/item-filters.ts';
import { recordOf } from '../../common/log/events.ts';
import { LocalLog } from '../../common/log/local-log.ts';
import { loggingSchema } from '../../common/log/log-config.ts';
import { decodeIals } from '../../common/models/ials.ts';
import { decodePopularity } from '../../common/models/popularity.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { decodeUser } from '../../common/user-state.ts';
import type { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { candidatesSchema } from '../../services/candidates/config.ts';
import { openSources } from '../../services/candidates/sources/table.ts';
import { RetrieveStage } from '../../services/candidates/stage.ts';
import { EventLog } from '../../services/logging/stage.ts';
import { rank } from '../../services/ranking/stage.ts';
import { newPosteriors } from '../../services/reranking/bandits/posteriors.ts';
import { rerankingSchema } from '../../services/reranking/config.ts';
import { ExposureLedger } from '../../services/reranking/fairness/exposure-ledger.ts';
import { RuledItems } from '../../services/reranking/ruled-items.ts';
import { SlateStage } from '../../services/reranking/stage.ts';
import type { StageInputs } from './record.ts';

/** Decision records that share one append when eight requests are under way. */
const LOG_BATCH = 8;

/** The work of one stage for request n, columns in and columns out. */
export type StageWork = (number: number) => unknown;

/**
 * The stages' own work as functions, on the inputs that were recorded: no transport, no columns to encode, no user state to
 * decode, no orchestration. The features service's is a look into a map and is left out. `log` makes every
 * eighth call's decision records durable, since eight requests at a time share one append.
 */
export async function openPureWork(
  bundle: Bundle,
  inputs: StageInputs,
): Promise<
  {
    stages: Record<string, StageWork>;
    log: StageWork;
  } & AsyncDisposable
> {
  const catalogue = Catalogue.read(await bundle.read(Part.catalogue));
  const counters = await bundle.decoded(Part.counters, ItemCounters.read);
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-log-'));
  const segments = await LocalLog.open(folder);
  const batch: Event[] = [];
  let appended = 0;
  const events = await EventLog.open(segments, loggingSchema.parse({}));
  const log: StageWork = async (n) => {
    const event = { ...inputs.logging[n % inputs.logging.length], eventId: `decision-${appended++}` };
    batch.push(event);
    if (batch.length === LOG_BATCH) await events.append(batch.splice(0).map(recordOf));
  };
  const stages = {
    candidates: await retrieval(bundle, catalogue, inputs.candidates),
    filtering: filtering(catalogue, inputs.filtering),
    ranking: await ranking(bundle, catalogue, counters, inputs.ranking),
    reranking: await reranking(bundle, catalogue, inputs.reranking),
  };
  return {
    stages,
    log,
    [Symbol.asyncDispose]: async () => {
      await segments.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function retrieval(
  bundle: Bundle,
  catalogue: Catalogue,
  requests: StageInputs['candidates'],
): Promise<StageWork> {
  const noLive = { current: undefined, onVersion: () => () => {} };
  const config = candidatesSchema.parse({});
  const stage = new RetrieveStage(
    await openSources({ bundle, catalogue, counters: noLive, config }),
    catalogue,
  );
  const inputs = requests.map(({ context, limit }) => ({
    user: decodeUser(context.userState),
    seeds: undefined,
    timeMs: context.timeMs,
    limit,
    names: [],
    quality: 1,
  }));
  const call = rootCall();
  return (n) => stage.retrieve(inputs[n % inputs.length], call);
}

function filtering(catalogue: Catalogue, requests: StageInputs['filtering']): StageWork {
  const stage = new ItemFilters(catalogue, filteringSchema.parse({}));
  const inputs = requests.map(({ context, candidates, excluded }) => {
    const { timeMs: nowMs, region } = context;
    const user = decodeUser(context.userState);
    return { items: candidates.items, context: { nowMs, region, excluded: excluded.items, user } };
  });
  return (n) => {
    const { items, context } = inputs[n % inputs.length];
    return stage.filter(items, context);
  };
}

async function ranking(
  bundle: Bundle,
  catalogue: Catalogue,
  counters: ItemCounters,
  requests: StageInputs['ranking'],
): Promise<StageWork> {
  const model = await ServedModel.open(bundle, Part.ranker, new ItemColumns(catalogue));
  const inputs = requests.map(({ context, candidates }) => ({
    candidates,
    user: decodeUser(context.userState),
    timeMs: context.timeMs,
    counters,
    context,
  }));
  return (n) => rank(model, inputs[n % inputs.length]);
}

async function reranking(
  bundle: Bundle,
  catalogue: Catalogue,
  requests: StageInputs['reranking'],
): Promise<StageWork> {
  const { itemFactors, options } = await bundle.decoded('ials', decodeIals);
  const config = rerankingSchema.parse({});
  const items = new RuledItems(catalogue);
  const providers = items.fields.values(config.providerAttribute);
  const ledger = new ExposureLedger(config.exposureHalfLife, providers, () => catalogue.size);
  const popularity = await bundle.decoded(Part.popularity, decodePopularity);
  const models = { embeddings: itemFactors, dim: options.dim, popularity, settings: {} };
  const posteriors = newPosteriors(config.exploration);
  const owned = { items, ledger, posteriors: () => posteriors, idOf: (item: number) => catalogue.idOf(item) };
  const stage = new SlateStage(owned, config, models);
  return (n) => {
    const { candidates, context, limit } = requests[n % requests.length];
    return stage.choose({ candidates, context, nowMs: context.timeMs, limit, policy: '' });
  };
}
