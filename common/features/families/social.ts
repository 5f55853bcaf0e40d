import { type FeatureDeclaration, feature } from '../declaration.ts';
import type { FeatureRequest } from '../request.ts';
import { type Affinity, meanAndLargest, sharesOf, writeAll } from './taste.ts';

const preferenceAffinity = (request: FeatureRequest): Affinity => {
  const { preferences } = request.input.user;
  const { categories } = request.items;
  return meanAndLargest(
    request,
    categories,
    preferences.size === 0 ? undefined : categories.weights(preferences),
  );
};

/** What the person said that they like. */
export const preferenceFeatures: readonly FeatureDeclaration[] = [
  feature('interaction.preference', {
    family: 'preferences',
    from: ['preferences', 'categories'],
    description:
      "mean stated strength of the item's categories, 0 for those not named; missing without statements or categories",
    read: { of: 'row', write: (request, column) => writeAll(request.once(preferenceAffinity).mean, column) },
  }),
  feature('interaction.preference_max', {
    family: 'preferences',
    from: ['preferences', 'categories'],
    description: "greatest stated strength of one of the item's categories; missing likewise",
    read: {
      of: 'row',
      write: (request, column) => writeAll(request.once(preferenceAffinity).largest, column),
    },
  }),
];

const friendCounts = ({ input: { user } }: FeatureRequest): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>();
  for (const item of user.friendItems) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
};

/** What their friends took up. */
export const socialFeatures: readonly FeatureDeclaration[] = [
  feature('interaction.friend_positives', {
    family: 'social',
    encoding: { kind: 'log' },
    from: ['friend_items'],
    description: "latest positive events of friends with the item; missing without friends' events",
    read: {
      of: 'row',
      write: (request, { rows, at, stride, encode }) => {
        const counts = request.once(friendCounts);
        const { items } = request.input.candidates;
        for (let row = 0, o = at; row < items.length; row++, o += stride)
          rows[o] = encode(counts.size === 0 ? Number.NaN : (counts.get(items[row]) ?? 0));
      },
    },
  }),
  feature('interaction.friend_category_affinity', {
    family: 'social',
    from: ['friend_items', 'categories'],
    description:
      "mean share of the item's categories in friends' latest positive events; missing without either",
    read: {
      of: 'row',
      write: (request, column) => {
        const { categories } = request.items;
        const shares = sharesOf(request.input.user.friendItems, categories);
        writeAll(meanAndLargest(request, categories, shares).mean, column);
      },
    },
  }),
];
