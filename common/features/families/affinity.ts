import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import { countColumn } from '../../columns.ts';
import { wordsOf } from '../attribute-values.ts';
import { type FeatureDeclaration, feature } from '../declaration.ts';
import { log1p } from '../encodings/log.ts';
import { countOf } from '../item-counters.ts';
import type { FeatureReader, Words } from '../readers.ts';
import type { FeatureRequest } from '../request.ts';
import { ITEM_ATTRIBUTES } from './metadata.ts';
import { type Affinity, affinity, meansOf, writeAll } from './taste.ts';

const family = 'affinity';
const categoryAffinity = (request: FeatureRequest): Affinity => affinity(request, request.items.categories);

/** How the item is like what the person lately took up, as the default ranker has it. */
export const affinityFeatures: readonly FeatureDeclaration[] = [
  feature('interaction.category_affinity', {
    family,
    from: ['history', 'categories'],
    description:
      "mean share of the item's categories in the recent positive events; missing without history or categories",
    read: { of: 'row', write: (request, column) => writeAll(request.once(categoryAffinity).mean, column) },
  }),
  feature('interaction.category_affinity_max', {
    family,
    from: ['history', 'categories'],
    description:
      "largest share of one of the item's categories in the recent positive events; missing likewise",
    read: { of: 'row', write: (request, column) => writeAll(request.once(categoryAffinity).largest, column) },
  }),
  feature('interaction.year_distance', {
    family,
    from: ['history', 'year'],
    description:
      "years between the item's release and the recent positive events' mean; missing if either is",
    read: {
      of: 'row',
      write: (request, { rows, at, stride, encode }) => {
        const { year } = request.once(meansOf);
        const { items } = request.input.candidates;
        const { years } = request.items;
        for (let row = 0, o = at; row < items.length; row++, o += stride)
          rows[o] = encode(Math.abs(years.at(items[row]) - year));
      },
    },
  }),
  feature('interaction.popularity_distance', {
    family,
    from: ['history', countColumn('positive')],
    description: "log popularity of the item less the recent positive events' mean; missing without history",
    read: {
      of: 'row',
      write: (request, { rows, at, stride, encode }) => {
        const { logPositives } = request.once(meansOf);
        const { candidates, counters } = request.input;
        const { items } = candidates;
        const positives = counters.column('positive');
        for (let row = 0, o = at; row < items.length; row++, o += stride)
          rows[o] = encode(log1p(countOf(positives, items[row])) - logPositives);
      },
    },
  }),
];

/** The same by other attributes. */
export const likenessFeatures: readonly FeatureDeclaration[] = (
  ['director', 'actors', 'tags', 'language'] as const
).map((attribute) => {
  const from = ITEM_ATTRIBUTES[attribute];
  return feature(`interaction.${attribute}_affinity`, {
    family,
    from: ['history', ...from],
    description: `largest share of one of the item's ${attribute} in the recent positive events; missing without history or ${attribute}`,
    read: affinityReader(from.join(','), ({ attributes }) => wordsOf(attributes, from)),
  });
});

/** The largest share of one of the item's words in the recent positive events; `name`: that of the words' column. */
export function affinityReader(name: string, read: (item: Item) => Words): FeatureReader {
  return {
    of: 'row',
    write: (request, column) => writeAll(affinity(request, request.items.words(name, read)).largest, column),
  };
}
