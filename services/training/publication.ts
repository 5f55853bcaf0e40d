import type { Manifest } from '../../common/bundle/manifest.ts';
import { Part } from '../../common/bundle/manifest.ts';
import { encodersPart } from '../../common/features/encoder-part.ts';
import type { Encoding } from '../../common/features/encodings/encoding.ts';
import { type FeatureSchema, rankingSettingsOf } from '../../common/features/schema.ts';
import type { Metrics } from './evaluation.ts';
import type { Parts } from './parts.ts';
import type { TrainedRanker } from './ranker.ts';
import type { NoSecondStage, TrainedSecondStage } from './second-stage.ts';
import type { Training } from './training.ts';

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
        ...(secondStage && { secondStage: secondStageSettings }),
      },
    },
    { ...parts, ...encodersOf(schema) },
  );
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
