import { itemText } from '../../text/item-text.ts';
import { createTokeniser } from '../../text/tokenise.ts';
import { numberOf, wordsOf } from '../attribute-values.ts';
import { type FeatureDeclaration, feature } from '../declaration.ts';
import type { Encoding, FeatureType } from '../encodings/encoding.ts';
import { yearOf } from '../item-columns.ts';

const DAY_MS = 86_400_000;
const family = 'metadata';
const tokeniser = createTokeniser({ stemmer: 'porter', stopwords: 'english' });

/** Names under which data sets know an attribute. */
export const ITEM_ATTRIBUTES = {
  language: ['language', 'original_language'],
  director: ['director', 'directors'],
  actors: ['actors', 'cast'],
  tags: ['tags', 'keywords'],
} as const;

const DURATION = ['duration', 'runtime', 'duration_minutes', 'running_time'];

/** When the item came out, which the default ranker has. */
export const releaseFeatures: readonly FeatureDeclaration[] = [
  feature('item.year', {
    family,
    from: ['year', 'release_year'],
    description: 'year of release; missing if unknown',
    read: { of: 'item', number: yearOf },
  }),
  feature('item.age_days', {
    family,
    encoding: { kind: 'log' },
    from: ['available_from_ms'],
    description: 'days since the item became available; missing if that is unknown',
    read: {
      of: 'row',
      write: ({ input: { candidates, timeMs }, items }, { rows, at, stride, encode }) => {
        const { availableFromMs } = items;
        for (let row = 0, o = at; row < candidates.count; row++, o += stride)
          rows[o] = encode(Math.max(timeMs - availableFromMs.at(candidates.items[row]), 0) / DAY_MS);
      },
    },
  }),
];

/** The rest of what is known of it. */
export const metadataFeatures: readonly FeatureDeclaration[] = [
  feature('item.duration', {
    family,
    encoding: { kind: 'log' },
    from: DURATION,
    description: 'length, in the unit of the attribute',
    read: { of: 'item', number: ({ attributes }) => numberOf(attributes, DURATION) },
  }),
  categories('item.categories', { kind: 'multi-hot', max: 32 }, 'categories or genres'),
  categories(
    'item.category_vector',
    { kind: 'embedding', dim: 8, max: 1_024 },
    'categories by who takes them up together',
  ),
  worded('language', 'category', { kind: 'one-hot', max: 16 }),
  worded('director', 'set', { kind: 'hashed', buckets: 16 }),
  worded('actors', 'set', { kind: 'hashed', buckets: 32 }),
  worded('tags', 'set', { kind: 'multi-hot', max: 64 }),
  text('item.text', { kind: 'tf-idf', terms: 64 }, 'terms of title, text and categories'),
  text('item.text_vector', { kind: 'word-vectors', dim: 16, max: 1_024 }, 'words that stand together'),
];

function categories(name: string, encoding: Encoding, description: string): FeatureDeclaration {
  return feature(name, {
    family,
    type: 'set',
    encoding,
    from: ['categories'],
    description,
    read: { of: 'item-words', words: (item) => item.categories },
  });
}

function worded(
  name: keyof typeof ITEM_ATTRIBUTES,
  type: FeatureType,
  encoding: Encoding,
): FeatureDeclaration {
  const from = ITEM_ATTRIBUTES[name];
  return feature(`item.${name}`, {
    family,
    type,
    encoding,
    from,
    description: `attribute ${from.join(' or ')}`,
    read: { of: 'item-words', words: ({ attributes }) => wordsOf(attributes, from) },
  });
}

function text(name: string, encoding: Encoding, description: string): FeatureDeclaration {
  return feature(name, {
    family: 'text',
    type: 'text',
    encoding,
    from: ['title', 'text', 'categories'],
    description,
    read: { of: 'item-words', words: (item) => tokeniser.tokenise(itemText(item)) },
  });
}
