import { join } from 'node:path';
import { BundleHost } from '../../common/bundle/host.ts';
import { modelPart, sourcesBy } from '../../common/bundle/learnt-sources.ts';
import { Part } from '../../common/bundle/manifest.ts';
import { type Bundle, BundleStore } from '../../common/bundle/store.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { pause } from '../../common/clock.ts';
import { Columns } from '../../common/columns.ts';
import { fieldError } from '../../common/errors.ts';
import { FeatureWorld } from '../../common/features/feature-world.ts';
import { decodeIals } from '../../common/models/ials.ts';
import { decodePopularity } from '../../common/models/popularity.ts';
import type { Call } from '../../common/rpc/call.ts';
import {
  contracts,
  type FeaturesService,
  type LoggingService,
  type RerankingService,
  type StageService,
} from '../../common/rpc/services.ts';
import type { Component, Environment } from '../../common/service.ts';
import { checkRows, requestTimeMs, stageStatus } from '../../common/stage.ts';
import { stageComponent } from '../../common/stage-component.ts';
import { startBandits } from './bandits/bandits.ts';
import { policiesOf } from './config.ts';
import { ExposureLedger } from './fairness/exposure-ledger.ts';
import { ROWS_MAX, SLATE_MAX } from './limits.ts';
import { type Heavy, Scoring, withSecondStage } from './model/scoring.ts';
import { rerankingConfig } from './policies-file.ts';
import { ruleFilePath } from './rules/rule-file.ts';
import { RuleFileFollower } from './rules/rule-file-follower.ts';
import { type SlateModels, SlateStage } from './stage.ts';

const POLICY_POLL_MS = 500;

/** What the stage makes of a bundle. */
interface Loaded extends Heavy {
  readonly stage: SlateStage;
}

/** The re-ranking service. `replica`: shared in one process, else one of its own. */
export async function createReranking(
  { config: source, log }: Environment,
  { features, logging }: { features: FeaturesService; logging?: LoggingService },
  replica?: CatalogueReplica,
): Promise<Component & { implementation: RerankingService; stage: StageService }> {
  const config = rerankingConfig(source);
  const catalogue = replica ?? new CatalogueReplica({ features, watcher: 'reranking', log });
  const rules = new RuleFileFollower({
    path: ruleFilePath(source.home, config.rulesFile),
    isRequired: config.rulesFile !== undefined,
    sets: [...policiesOf(config, {}).values()].map(({ ruleSet }) => ruleSet),
    log,
  });
  const bandits = await startBandits(config.exploration, { home: source.home, logging, log });
  let ledger: ExposureLedger | undefined;
  const bundles: BundleHost<Loaded> = new BundleHost<Loaded>({
    store: new BundleStore(join(source.home, 'bundles')),
    log,
    load: async (bundle) => {
      const base = await catalogue.base(bundle);
      const items = await rules.itemsOf(base);
      const providers = items.fields.values(config.providerAttribute);
      ledger ??= new ExposureLedger(config.exposureHalfLife, providers, () => base.size);
      const { posteriors } = bandits;
      const owned = { items, ledger, posteriors, idOf: (item: number) => base.idOf(item) };
      return {
        stage: new SlateStage(owned, config, await modelsOf(bundle)),
        ...(await scoring.open(bundle, base)),
      };
    },
    unload: ({ heavy }) => void heavy?.close(),
  });
  const scoring: Scoring = new Scoring(config, bundles, FeatureWorld.of(catalogue, features, log), log);
  const implementation: RerankingService = {
    rerank: (request) =>
      bundles.use(request.context.bundle, async (loaded, bundle) => {
        const nowMs = checkedTimeMs(request);
        const { scored, degraded } = await scoring.score(request, loaded, bundle);
        const slate = loaded.stage.choose({ ...request, candidates: scored, nowMs });
        return {
          status: stageStatus('reranking', { bundle, catalogueEpoch: catalogue.epoch, degraded }),
          ...slate,
          candidates: withSecondStage(slate.candidates, scored),
        };
      }),
    watchPolicy: ({ version }, call) =>
      policyVersions(version, call, () => bundles.use('', ({ stage }) => stage.policyVersion)),
  };
  const traits = {
    stage: 'reranking',
    needsColumns: [Columns.ranking],
    givesColumns: () => [Columns.reranking, Columns.propensity, ...scoring.columns],
    needsUserState: () => scoring.columns.length > 0,
    rowsMax: ROWS_MAX,
    faults: () => [rules.fault, bandits.fault()].filter((fault) => fault !== ''),
  };
  return stageComponent({
    traits,
    contract: contracts.reranking,
    implementation,
    bundles,
    catalogue,
    close: async () => {
      await bandits.stop();
      await rules.stop();
      await scoring[Symbol.asyncDispose]();
      if (replica === undefined) await catalogue.stop();
    },
  });
}

/** The time of a request that the stage takes. */
function checkedTimeMs({ context, candidates, limit }: Parameters<RerankingService['rerank']>[0]): number {
  checkRows(candidates, ROWS_MAX);
  if (limit < 1 || limit > SLATE_MAX)
    throw fieldError('limit', `${limit} is not in [1, ${SLATE_MAX}]`, 'LIMIT_OUT_OF_RANGE');
  return requestTimeMs(context);
}

async function* policyVersions(
  known: string,
  call: Call,
  current: () => Promise<string>,
): AsyncIterable<{ version: string }> {
  let last = known;
  while (!call.signal.aborted) {
    const version = await current();
    if (version !== last) yield { version };
    last = version;
    await pause(POLICY_POLL_MS, call.signal);
  }
}

/** What the bundle has for choosing slates; without a model that has vectors all items are unlike. */
export async function modelsOf(bundle: Bundle): Promise<SlateModels> {
  const part = sourcesBy('vectors')
    .map(modelPart)
    .find((name) => bundle.has(name));
  const model = part && (await bundle.decoded(part, decodeIals));
  return {
    embeddings: model?.itemFactors ?? new Float32Array(),
    dim: model?.options.dim ?? 1,
    popularity: bundle.has(Part.popularity)
      ? await bundle.decoded(Part.popularity, decodePopularity)
      : undefined,
    settings: bundle.manifest.settings.reranking ?? {},
  };
}
