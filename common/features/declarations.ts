import { MillraceError } from '../errors.ts';
import type { FeatureDeclaration } from './declaration.ts';
import { type DeclaredFeature, declaredFeature } from './declared.ts';
import { affinityFeatures, likenessFeatures } from './families/affinity.ts';
import { contextFeatures, hourFeatures } from './families/context.ts';
import { demographicFeatures } from './families/demographics.ts';
import { itemHistoryFeatures, popularityFeatures } from './families/item-history.ts';
import { metadataFeatures, releaseFeatures } from './families/metadata.ts';
import { priorFeatures } from './families/prior.ts';
import { retrievalFeatures } from './families/retrieval.ts';
import { preferenceFeatures, socialFeatures } from './families/social.ts';
import { activityFeatures, userHistoryFeatures } from './families/user-history.ts';

/** Sources of a bundle that names none. */
export const DEFAULT_SOURCES = ['ials', 'item_to_item', 'bm25', 'popularity'];

/** What every ranker is fed unless it is told otherwise, behind the features of its sources, in the order of its columns. */
const DEFAULT_FEATURES: readonly FeatureDeclaration[] = [
  ...popularityFeatures,
  ...releaseFeatures,
  ...activityFeatures,
  ...affinityFeatures,
  ...hourFeatures,
];

const FURTHER_FEATURES: readonly FeatureDeclaration[] = [
  ...itemHistoryFeatures,
  ...metadataFeatures,
  ...userHistoryFeatures,
  ...demographicFeatures,
  ...preferenceFeatures,
  ...socialFeatures,
  ...likenessFeatures,
  ...priorFeatures,
  ...contextFeatures,
];

/** Which features a ranker is fed: names of features and of families, `default` and `all`. */
export type FeatureChoice = readonly string[];
export const DEFAULT_CHOICE: FeatureChoice = ['default'];

/** Every feature: those of the sources, the built-in ones, those that the operator declared. CONFIG_INVALID where two share a name. */
export function allFeatures(
  sources: readonly string[] = DEFAULT_SOURCES,
  declared: readonly DeclaredFeature[] = [],
): FeatureDeclaration[] {
  const features = [
    ...retrievalFeatures(sources),
    ...DEFAULT_FEATURES,
    ...FURTHER_FEATURES,
    ...declared.map(declaredFeature),
  ];
  const names = new Set<string>();
  for (const { name } of features) {
    if (names.has(name)) throw new MillraceError('CONFIG_INVALID', `features: ${name} is declared twice`);
    names.add(name);
  }
  return features;
}

/** Whether a ranker is fed the feature unless it is told otherwise. */
export function isDefault({ name, family }: FeatureDeclaration): boolean {
  return family === 'retrieval' || DEFAULT_FEATURES.some((feature) => feature.name === name);
}

/** The features chosen, in the order of their declarations. CONFIG_INVALID, naming what nothing is called. */
export function chosenFeatures(
  choice: FeatureChoice,
  sources?: readonly string[],
  declared?: readonly DeclaredFeature[],
): FeatureDeclaration[] {
  const features = allFeatures(sources, declared);
  const chosen = new Set<FeatureDeclaration>();
  for (const word of choice) {
    const meant = features.filter(
      (feature) =>
        word === 'all' ||
        (word === 'default' && isDefault(feature)) ||
        feature.family === word ||
        feature.name === word,
    );
    if (meant.length === 0) {
      throw new MillraceError(
        'CONFIG_INVALID',
        `train.ranker.features: ${word} is no feature, no family, and neither default nor all; millrace features list names them`,
      );
    }
    for (const feature of meant) chosen.add(feature);
  }
  return features.filter((feature) => chosen.has(feature));
}
