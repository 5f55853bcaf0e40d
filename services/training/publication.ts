import { modelPart } from '../../common/bundle/learnt-sources.ts';
import type { Manifest } from '../../common/bundle/manifest.ts';
import { Part } from '../../common/bundle/manifest.ts';
import { encodersPart } from '../../common/features/encoder-part.ts';
import type { Encoding } from '../../common/features/encodings/encoding.ts';
import { type FeatureSchema, rankingSettingsOf } from '../../common/features/schema.ts';
import { rhoOf } from '../../common/privacy/accountant.ts';
import type { Metrics } from './evaluation.ts';
import { type Parts, RELEASES } from './parts.ts';
import type { TrainedRanker } from './ranker.ts';
import type { NoSecondStage, TrainedSecondStage } from './second-stage.ts';
import type { Training } from './training.ts';

/** Parts in which there is nothing of people. */
const IMPERSONAL: ReadonlySet<string> = new Set([Part.catalogue, Part.bm25]);
/** Parts learnt from private counts, where training is asked for them. */
const PRIVATE: ReadonlySet<string> = new Set([Part.popularity, Part.fallback, modelPart('item_to_item')]);

/** What a manifest says beside its parts. */
interface Annotations {
  /** Of the ranker's features. */
  readonly schema: FeatureSchema;
  /** Of the version. */
  readonly suffix?: string;
  readonly ranker?: TrainedRanker;
  readonly secondStage?: TrainedSecondStage | NoSecondStage;
  readonly metrics?: Record<string, Metrics>;
  /** Version of the holdout bundle. */
  readonly holdout?: string;
}

/** Publishes the parts as a bundle whose version says when the training began, so that versions sort by time. */
export async function publish(
  {
    data,
    config,
    chosen,
    declared,
    store,
    nowMs,
  }: Pick<Training, 'data' | 'config' | 'chosen' | 'declared' | 'store' | 'nowMs'>,
  parts: Parts,
  { schema, suffix = '', ranker, secondStage, metrics = {}, holdout = '' }: Annotations,
): Promise<Manifest> {
  const { catalogue, endOffset } = data;
  const live = await store.live();
  const rankerSettings = ranker && {
    ranker: { model: ranker.model, validation: ranker.validation, stability: ranker.stability },
  };
  const { onnx: _, ...secondStageSettings } = { onnx: undefined, ...secondStage };
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
        ranking: rankingSettingsOf(schema, declared),
        ...rankerSettings,
        ...privacyOf(config, parts),
        ...(secondStage && { secondStage: secondStageSettings }),
      },
    },
    { ...parts, ...encodersOf(schema) },
  );
}

/**
 * What a bundle with private parts promises. `rho`: the zero-concentrated loss of all bundles of the run together, by which runs
 * compose: it adds up. `exact`: parts learnt from people without a promise.
 */
function privacyOf({ privacy }: Training['config'], parts: Parts): { privacy?: Record<string, unknown> } {
  if (privacy === undefined) return {};
  const { epsilon, delta } = privacy;
  const learnt = Object.keys(parts).filter((part) => !IMPERSONAL.has(part) && !part.startsWith('vectors-'));
  return {
    privacy: {
      unit: 'user',
      epsilon,
      delta,
      rho: rhoOf(epsilon, delta),
      bundles: RELEASES,
      private: learnt.filter((part) => PRIVATE.has(part)),
      exact: learnt.filter((part) => !PRIVATE.has(part)),
    },
  };
}

/** The part with what the encodings learnt, if any does. */
function encodersOf({ encoders, features }: FeatureSchema): Parts {
  if (encoders.size === 0) return {};
  const encodings = new Map(features.map(({ name, encoding }) => [name, encoding]));
  return { [Part.encoders]: encodersPart(encoders, (name) => encodings.get(name) as Encoding) };
}

/** As `20261123T201530.123Z`. */
function versionAt(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]/g, '');
}
