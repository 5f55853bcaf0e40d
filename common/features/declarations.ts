import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Manifest } from '../bundle/manifest.ts';

type Entity = 'user' | 'item' | 'interaction' | 'context';

/** One feature of the first-stage ranker. A value that does not exist is missing (NaN), never 0. */
export interface FeatureDeclaration {
  readonly name: string;
  /** Raised whenever the value's meaning changes. */
  readonly version: number;
  readonly entity: Entity;
  readonly encoding: 'number' | 'log1p' | 'share' | 'cyclic';
  readonly description: string;
}

/** What a ranker is fed: the features in the order of its columns. */
export interface FeatureSchema {
  /** Retrieval sources whose rank and score the ranker sees, in the order of their columns. */
  readonly sources: readonly string[];
  readonly features: readonly FeatureDeclaration[];
  /** Features a row. */
  readonly width: number;
  /** Identifies names, versions and encodings of the features in order; a model is served only by the schema it was trained on. */
  readonly hash: string;
}

/** Sources of a bundle that names none. */
const DEFAULT_SOURCES = ['ials', 'item_to_item', 'bm25', 'popularity'];

/** The schema of a bundle with these sources. */
export function featureSchema(sources: readonly string[] = DEFAULT_SOURCES): FeatureSchema {
  const features = [...sources.flatMap(featuresOfSource), ...COMMON_FEATURES];
  const identity = features.map(({ name, version, encoding }) => [name, version, encoding]);
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  return { sources, features, width: features.length, hash };
}

const rankingSettings = z.object({ sources: z.array(z.string()) }).optional();

/** The schema that a bundle's ranker was trained on, by its `settings.ranking`. */
export function schemaOfBundle({ settings }: Pick<Manifest, 'settings'>): FeatureSchema {
  return featureSchema(rankingSettings.safeParse(settings.ranking).data?.sources);
}

function featuresOfSource(source: string): FeatureDeclaration[] {
  return [
    {
      name: `retrieval.${source}.log_rank`,
      version: 1,
      entity: 'interaction',
      encoding: 'log1p',
      description: `rank in the list of ${source}; missing if it did not retrieve the item`,
    },
    {
      name: `retrieval.${source}.score`,
      version: 1,
      entity: 'interaction',
      encoding: 'number',
      description: `score of ${source} on its own scale; missing if it did not retrieve the item`,
    },
    {
      name: `retrieval.${source}.score_share`,
      version: 1,
      entity: 'interaction',
      encoding: 'share',
      description: `score of ${source} over the largest of the request; missing if it did not retrieve the item`,
    },
  ];
}

/** The features behind those of the sources. */
const COMMON_FEATURES: readonly FeatureDeclaration[] = [
  {
    name: 'retrieval.rrf',
    version: 1,
    entity: 'interaction',
    encoding: 'number',
    description: 'reciprocal-rank fusion over all sources',
  },
  {
    name: 'item.positives',
    version: 1,
    entity: 'item',
    encoding: 'log1p',
    description: 'positive events with the item',
  },
  {
    name: 'item.impressions',
    version: 1,
    entity: 'item',
    encoding: 'log1p',
    description: 'impressions of the item',
  },
  {
    name: 'item.click_rate',
    version: 1,
    entity: 'item',
    encoding: 'share',
    description: '(clicks + 1) / (impressions + 20); missing without impressions',
  },
  {
    name: 'item.year',
    version: 1,
    entity: 'item',
    encoding: 'number',
    description: 'year of release; missing if unknown',
  },
  {
    name: 'item.age_days',
    version: 1,
    entity: 'item',
    encoding: 'log1p',
    description: 'days since the item became available; missing if that is unknown',
  },
  {
    name: 'user.positives',
    version: 1,
    entity: 'user',
    encoding: 'log1p',
    description: 'distinct items with a positive event',
  },
  {
    name: 'user.days_since_event',
    version: 1,
    entity: 'user',
    encoding: 'log1p',
    description: 'days since the latest event; missing without one',
  },
  {
    name: 'interaction.category_affinity',
    version: 1,
    entity: 'interaction',
    encoding: 'share',
    description:
      "mean share of the item's categories in the recent positive events; missing without history or categories",
  },
  {
    name: 'interaction.category_affinity_max',
    version: 1,
    entity: 'interaction',
    encoding: 'share',
    description:
      "largest share of one of the item's categories in the recent positive events; missing likewise",
  },
  {
    name: 'interaction.year_distance',
    version: 1,
    entity: 'interaction',
    encoding: 'number',
    description:
      "years between the item's release and the recent positive events' mean; missing if either is",
  },
  {
    name: 'interaction.popularity_distance',
    version: 1,
    entity: 'interaction',
    encoding: 'number',
    description: "log popularity of the item less the recent positive events' mean; missing without history",
  },
  {
    name: 'context.hour_sin',
    version: 1,
    entity: 'context',
    encoding: 'cyclic',
    description: 'hour of the day, UTC, sine',
  },
  {
    name: 'context.hour_cos',
    version: 1,
    entity: 'context',
    encoding: 'cyclic',
    description: 'hour of the day, UTC, cosine',
  },
];
