import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Part } from '../bundle/manifest.ts';
import type { Bundle } from '../bundle/store.ts';
import { MillraceError } from '../errors.ts';
import type { FeatureDeclaration } from './declaration.ts';
import { chosenFeatures, DEFAULT_CHOICE, DEFAULT_SOURCES, type FeatureChoice } from './declarations.ts';
import { type DeclaredFeature, declaredFeatureSchema } from './declared.ts';
import { type FittedEncoders, NO_ENCODERS, readEncoders } from './encoder-part.ts';
import { fittedOn, numberEncoderOf, wordEncoderOf } from './encodings/encoders.ts';
import type { NumberEncoding, WordEncoding } from './encodings/encoding.ts';

/** What a ranker is fed: the features in the order of its columns. */
export interface FeatureSchema {
  /** Retrieval sources whose rank and score the ranker sees, in the order of their columns. */
  readonly sources: readonly string[];
  readonly features: readonly FeatureDeclaration[];
  /** What the features' encodings learnt, by feature. */
  readonly encoders: FittedEncoders;
  /** Names of the columns; a feature of one column gives it its name, as do `context.hour.sin` and `item.language=en`. */
  readonly columns: readonly string[];
  /** Columns a row. */
  readonly width: number;
  /**
   * Identifies all that gives a row its meaning: names, versions, entities, types, defaults, encodings, what the values are made of, columns,
   * and what the encodings learnt. A model is served only by the schema it was trained on.
   */
  readonly hash: string;
}

/** What a schema is made of, all of it with a default. */
export interface SchemaParts {
  readonly choice?: FeatureChoice;
  readonly declared?: readonly DeclaredFeature[];
  readonly encoders?: FittedEncoders;
}

/** The schema of a bundle with these sources. CONFIG_INVALID where the choice names what there is not. */
export function featureSchema(
  sources: readonly string[] = DEFAULT_SOURCES,
  parts: SchemaParts = {},
): FeatureSchema {
  const { choice = DEFAULT_CHOICE, declared = [], encoders = NO_ENCODERS } = parts;
  return schemaOf(chosenFeatures(choice, sources, declared), sources, encoders);
}

/** The same features with other encoders. */
export function withEncoders(schema: FeatureSchema, encoders: FittedEncoders): FeatureSchema {
  return schemaOf(schema.features, schema.sources, encoders);
}

function schemaOf(
  features: readonly FeatureDeclaration[],
  sources: readonly string[],
  encoders: FittedEncoders,
): FeatureSchema {
  const columns = features.flatMap((feature) => columnsOf(feature, encoders));
  const identity = features.map((feature) => {
    const { name, version, entity, type, encoding, from } = feature;
    const fitted = encoders.get(name);
    return [
      [name, version, entity, type, feature.default, encoding, from],
      columnsOf(feature, encoders),
      fitted === undefined ? [] : [...fitted.numbers],
    ];
  });
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  const retrieved = new Set(features.map(({ name }) => name));
  return {
    sources: sources.filter((source) => retrieved.has(`retrieval.${source}.score`)),
    features,
    encoders,
    columns,
    width: columns.length,
    hash,
  };
}

/** The names of a feature's columns. */
export function columnsOf(feature: FeatureDeclaration, encoders: FittedEncoders): string[] {
  const { name, type, encoding } = feature;
  if (encoding.kind === 'vector') return Array.from({ length: encoding.dim }, (_, i) => `${name}.${i}`);
  if (type === 'number') {
    const { columns } = numberEncoderOf(encoding as NumberEncoding, encoders.get(name));
    return columns.map((suffix) => (suffix === '' ? name : `${name}.${suffix}`));
  }
  const { columns } = wordEncoderOf(encoding as WordEncoding, encoders.get(name));
  return columns.map((suffix) => `${name}=${suffix}`);
}

const rankingSettings = z.object({
  sources: z.array(z.string()),
  features: z.array(z.object({ name: z.string(), version: z.number() })).optional(),
  declared: z.array(declaredFeatureSchema).default([]),
});

/** What a manifest's `settings.ranking` says of a schema. */
export function rankingSettingsOf(
  { sources, features }: FeatureSchema,
  declared: readonly DeclaredFeature[],
): Record<string, unknown> {
  const names = new Set(features.map(({ name }) => name));
  return {
    sources,
    features: features.map(({ name, version }) => ({ name, version })),
    declared: declared.filter(({ name }) => names.has(name)),
  };
}

/**
 * The schema that a bundle's ranker was trained on, from its `settings.ranking` and its encoders. BUNDLE_DAMAGED, naming the feature, where
 * this release declares it otherwise or not at all, or its encoder does not fit.
 */
export async function schemaOfBundle(bundle: Bundle): Promise<FeatureSchema> {
  const damaged = (message: string): MillraceError =>
    new MillraceError('BUNDLE_DAMAGED', `bundle ${bundle.version}: ${message}`, {
      metadata: { bundle: bundle.version },
    });
  const { ranking } = bundle.manifest.settings;
  if (ranking === undefined) return featureSchema();
  const parsed = rankingSettings.safeParse(ranking);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0];
    throw damaged(`settings.ranking.${path.join('.')}: ${message}`);
  }
  const { sources, features, declared } = parsed.data;
  const encoders = bundle.has(Part.encoders)
    ? await bundle.decoded(Part.encoders, readEncoders)
    : NO_ENCODERS;
  let schema: FeatureSchema;
  try {
    schema = featureSchema(sources, {
      declared,
      encoders,
      ...(features !== undefined && { choice: features.map(({ name }) => name) }),
    });
  } catch (error) {
    throw damaged((error as Error).message);
  }
  for (const { name, encoding } of schema.features)
    if (fittedOn(encoding) !== 'nothing' && !encoders.has(name))
      throw damaged(`feature ${name} has no encoder`);
  for (const { name, version } of features ?? []) {
    const now = schema.features.find((feature) => feature.name === name);
    if (now?.version !== version)
      throw damaged(`feature ${name} is version ${version}, this release has ${now?.version}; train anew`);
  }
  return schema;
}
