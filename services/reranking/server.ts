import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BundleHost } from '../../common/bundle/host.ts';
import { modelPart, sourcesBy } from '../../common/bundle/learnt-sources.ts';
import type { Part } from '../../common/bundle/manifest.ts';
import { type Bundle, BundleStore } from '../../common/bundle/store.ts';
import { CatalogueReplica } from '../../common/catalogue/replica.ts';
import { pause } from '../../common/clock.ts';
import { Columns } from '../../common/columns.ts';
import { fieldError } from '../../common/errors.ts';
import { decodeIals } from '../../common/models/ials.ts';
import type { Call } from '../../common/rpc/call.ts';
import {
  contracts,
  type FeaturesService,
  type RerankingService,
  type StageService,
} from '../../common/rpc/services.ts';
import type { Component, Environment } from '../../common/service.ts';
import { checkRows, requestTimeMs, stageStatus } from '../../common/stage.ts';
import { stageComponent } from '../../common/stage-component.ts';
import { policyOf, ROWS_MAX, rerankingSchema, SLATE_MAX } from './config.ts';
import { RuledItems } from './ruled-items.ts';
import { SlateStage } from './stage.ts';

const POLICY_POLL_MS = 500;

interface Loaded {
  readonly stage: SlateStage;
  readonly policyVersion: string;
}

/** The re-ranking service. `replica`: shared in one process, else one of its own. */
export async function createReranking(
  { config: source, log }: Environment,
  { features }: { features: FeaturesService },
  replica?: CatalogueReplica,
): Promise<Component & { implementation: RerankingService; stage: StageService }> {
  const config = source.section('reranking', rerankingSchema);
  const catalogue = replica ?? new CatalogueReplica({ features, watcher: 'reranking', log });
  let items: RuledItems | undefined;
  const bundles = new BundleHost<Loaded>({
    store: new BundleStore(join(source.home, 'bundles')),
    log,
    load: async (bundle) => {
      const base = await catalogue.base(bundle);
      items ??= new RuledItems(base, config.rules, (warning) => log.warn({ warning }, 'rule without effect'));
      const policy = policyOf(config, bundle.manifest.settings.reranking ?? {});
      const part = vectorsOf(bundle);
      const model = part && (await bundle.decoded(part, decodeIals));
      const stage = new SlateStage(
        items,
        policy,
        model?.itemFactors ?? new Float32Array(),
        model?.options.dim ?? 1,
      );
      return { stage, policyVersion: versionOf({ policy, rules: config.rules }) };
    },
  });
  const implementation: RerankingService = {
    rerank: ({ context, candidates, limit }) =>
      bundles.use(context.bundle, async ({ stage, policyVersion }, bundle) => {
        checkRows(candidates, ROWS_MAX);
        if (limit < 1 || limit > SLATE_MAX)
          throw fieldError('limit', `${limit} is not in [1, ${SLATE_MAX}]`, 'LIMIT_OUT_OF_RANGE');
        const nowMs = requestTimeMs(context);
        const slate = await stage.choose(candidates, context, nowMs, limit);
        return {
          status: stageStatus('reranking', { bundle, catalogueEpoch: catalogue.epoch }),
          ...slate,
          policyVersion,
          exploration: [],
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
  };
  return stageComponent({
    traits,
    contract: contracts.reranking,
    implementation,
    bundles,
    catalogue,
    close: async () => {
      items?.close();
      if (replica === undefined) await catalogue.stop();
    },
  });
}

/** Identifies everything that decides how slates are chosen. */
function versionOf(policy: unknown): string {
  return createHash('sha256').update(JSON.stringify(policy)).digest('hex').slice(0, 16);
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

/** The part whose vectors tell how alike two items are; undefined where no model of the bundle has vectors: all are unlike. */
function vectorsOf(bundle: Bundle): Part | undefined {
  return sourcesBy('vectors')
    .map(modelPart)
    .find((part) => bundle.has(part));
}
