import { join } from 'node:path';
import { BundleHost } from '../../common/bundle/host.ts';
import { modelPart, sourcesBy } from '../../common/bundle/learnt-sources.ts';
import { Part } from '../../common/bundle/manifest.ts';
import { type Bundle, BundleStore } from '../../common/bundle/store.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { pause } from '../../common/clock.ts';
import { type Candidates, Columns } from '../../common/columns.ts';
import { fieldError } from '../../common/errors.ts';
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
import { rerankingConfig } from './policies-file.ts';
import { ruleFilePath } from './rules/rule-file.ts';
import { RuleFileFollower } from './rules/rule-file-follower.ts';
import { type SlateModels, SlateStage } from './stage.ts';

const POLICY_POLL_MS = 500;

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
  const bundles = new BundleHost<SlateStage>({
    store: new BundleStore(join(source.home, 'bundles')),
    log,
    load: async (bundle) => {
      const base = await catalogue.base(bundle);
      const items = await rules.itemsOf(base);
      ledger ??= new ExposureLedger(
        config.exposureHalfLife,
        items.fields.values(config.providerAttribute),
        () => base.size,
      );
      const owned = {
        items,
        ledger,
        posteriors: bandits.posteriors,
        idOf: (item: number) => base.idOf(item),
      };
      return new SlateStage(owned, config, await modelsOf(bundle));
    },
  });
  const implementation: RerankingService = {
    rerank: ({ context, candidates, limit, policy }) =>
      bundles.use(context.bundle, (stage, bundle) => {
        checkRequest(candidates, limit);
        const nowMs = requestTimeMs(context);
        return {
          status: stageStatus('reranking', { bundle, catalogueEpoch: catalogue.epoch }),
          ...stage.choose({ candidates, context, nowMs, limit, policy }),
        };
      }),
    watchPolicy: ({ version }, call) =>
      policyVersions(version, call, () => bundles.use('', ({ policyVersion }) => policyVersion)),
  };
  const traits = {
    stage: 'reranking',
    needsColumns: [Columns.ranking],
    givesColumns: () => [Columns.reranking, Columns.propensity],
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
      if (replica === undefined) await catalogue.stop();
    },
  });
}

function checkRequest(candidates: Candidates, limit: number): void {
  checkRows(candidates, ROWS_MAX);
  if (limit < 1 || limit > SLATE_MAX)
    throw fieldError('limit', `${limit} is not in [1, ${SLATE_MAX}]`, 'LIMIT_OUT_OF_RANGE');
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
