import type { Manifest } from '../../common/bundle/manifest.ts';
import { featureSchema } from '../../common/features/declarations.ts';
import { rankedSources } from './config.ts';
import type { Metrics } from './evaluation.ts';
import type { Parts } from './parts.ts';
import type { TrainedRanker } from './ranker.ts';
import type { Training } from './training.ts';

/** What a manifest says beside its parts. */
interface Annotations {
  /** Of the version. */
  readonly suffix?: string;
  readonly ranker?: TrainedRanker;
  readonly metrics?: Record<string, Metrics>;
  /** Version of the holdout bundle. */
  readonly holdout?: string;
}

/** Publishes the parts as a bundle whose version says when the training began, so that versions sort by time. */
export async function publish(
  { data, config, chosen, store, nowMs }: Pick<Training, 'data' | 'config' | 'chosen' | 'store' | 'nowMs'>,
  parts: Parts,
  { suffix = '', ranker, metrics = {}, holdout = '' }: Annotations,
): Promise<Manifest> {
  const { catalogue, endOffset } = data;
  const live = await store.live();
  const schema = featureSchema(rankedSources(config));
  const rankerSettings = ranker && {
    ranker: { model: ranker.model, validation: ranker.validation, stability: ranker.stability },
  };
  return store.publish(
    {
      version: `${versionAt(nowMs)}${suffix}`,
      createdMs: nowMs,
      parent: live?.champion ?? '',
      holdout,
      featureSchemaHash: schema.hash,
      lineage: catalogue.lineage,
      catalogueEpoch: catalogue.epoch,
      logOffset: endOffset,
      metrics,
      settings: {
        train: config,
        candidates: chosen,
        ranking: { sources: schema.sources },
        ...rankerSettings,
      },
    },
    parts,
  );
}

/** As `20261123T201530.123Z`. */
function versionAt(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]/g, '');
}
