import { countColumn } from '../../columns.ts';
import { type FeatureDeclaration, feature } from '../declaration.ts';
import { countOf } from '../item-counters.ts';
import { ITEM_REDUCERS, type ItemCounter } from '../item-reducers.ts';

const HOUR_MS = 3_600_000;

/** How often it was shown and taken up, which the default ranker has. */
export const popularityFeatures: readonly FeatureDeclaration[] = [
  counted('item.positives', 'positive', 'popularity'),
  counted('item.impressions', 'impression', 'popularity'),
  share('item.click_rate', {
    family: 'popularity',
    above: 'click',
    below: ['impression'],
    prior: [1, 20],
    description: '(clicks + 1) / (impressions + 20); missing without impressions',
  }),
];

/** The rest of what people did with it. */
export const itemHistoryFeatures: readonly FeatureDeclaration[] = [
  counted('item.clicks', 'click'),
  counted('item.views', 'view'),
  counted('item.purchases', 'purchase'),
  counted('item.ratings', 'rating'),
  share('item.rating_mean', {
    above: 'rating_sum',
    below: ['rating'],
    description: 'mean rating; missing without ratings',
  }),
  counted('item.watch_seconds', 'watch_seconds'),
  share('item.watch_mean', {
    above: 'watch_seconds',
    below: ['watch'],
    description: 'mean seconds watched; missing if nobody watched it',
  }),
  counted('item.likes', 'like'),
  counted('item.dislikes', 'dislike'),
  share('item.like_share', {
    above: 'like',
    below: ['like', 'dislike'],
    prior: [1, 2],
    description: '(likes + 1) / (likes + dislikes + 2); missing without either',
  }),
  counted('item.comments', 'comment'),
  counted('item.shares', 'share'),
  counted('item.hides', 'hide'),
  counted('item.subscriptions', 'subscribe'),
  feature('item.hours_since_event', {
    family: 'item_history',
    encoding: { kind: 'log' },
    from: [countColumn('latest_hour')],
    description: 'hours since anybody did anything with it; missing if nobody did',
    read: {
      of: 'row',
      write: ({ input: { candidates, counters, timeMs } }, { rows, at, stride, encode }) => {
        const latest = counters.column('latest_hour');
        for (let row = 0, o = at; row < candidates.count; row++, o += stride) {
          const hour = countOf(latest, candidates.items[row]);
          rows[o] = encode(hour > 0 ? Math.max(timeMs / HOUR_MS - hour, 0) : Number.NaN);
        }
      },
    },
  }),
];

function counted(name: string, counter: ItemCounter, family = 'item_history'): FeatureDeclaration {
  return feature(name, {
    family,
    encoding: { kind: 'log' },
    from: [countColumn(counter)],
    description: ITEM_REDUCERS[counter].description,
    read: {
      of: 'row',
      write: ({ input: { candidates, counters } }, { rows, at, stride, encode }) => {
        const counts = counters.column(counter);
        for (let row = 0, o = at; row < candidates.count; row++, o += stride)
          rows[o] = encode(countOf(counts, candidates.items[row]));
      },
    },
  });
}

/** One counter over the sum of others, with `prior` added to each; missing where the others are 0. */
function share(
  name: string,
  options: {
    above: ItemCounter;
    below: readonly [ItemCounter, ItemCounter?];
    description: string;
    prior?: readonly [above: number, below: number];
    family?: string;
  },
): FeatureDeclaration {
  const { above, below, prior = [0, 0], description, family = 'item_history' } = options;
  const [first, second] = below;
  return feature(name, {
    family,
    from: [...new Set([above, ...below])].map((counter) => countColumn(counter as ItemCounter)),
    description,
    read: {
      of: 'row',
      write: ({ input: { candidates, counters } }, { rows, at, stride, encode }) => {
        const sums = counters.column(above);
        const counts = counters.column(first);
        const others = second === undefined ? undefined : counters.column(second);
        for (let row = 0, o = at; row < candidates.count; row++, o += stride) {
          const item = candidates.items[row];
          const count = countOf(counts, item) + (others === undefined ? 0 : countOf(others, item));
          rows[o] = encode(count > 0 ? (countOf(sums, item) + prior[0]) / (count + prior[1]) : Number.NaN);
        }
      },
    },
  });
}
