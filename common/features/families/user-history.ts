import type { User } from '../../user-state.ts';
import { AGGREGATE_INDEX, USER_AGGREGATES, type UserAggregateName } from '../../users/aggregates.ts';
import { type FeatureDeclaration, feature } from '../declaration.ts';

const DAY_MS = 86_400_000;
const family = 'history';

/** How much the person did, and when, which the default ranker has. */
export const activityFeatures: readonly FeatureDeclaration[] = [
  feature('user.positives', {
    family,
    encoding: { kind: 'log' },
    from: ['positives'],
    description: 'distinct items with a positive event',
    read: { of: 'request', number: ({ input: { user } }) => user.positives },
  }),
  feature('user.days_since_event', {
    family,
    encoding: { kind: 'log' },
    from: ['history'],
    description: 'days since the event that came last; missing without one',
    read: {
      of: 'request',
      number: ({ input: { user, timeMs } }) => {
        const events = user.timesMs.length;
        return events === 0 ? Number.NaN : Math.max(timeMs - user.timesMs[events - 1], 0) / DAY_MS;
      },
    },
  }),
];

/** The rest of what they did: the aggregates of their state. */
export const userHistoryFeatures: readonly FeatureDeclaration[] = [
  counted('user.clicks', 'click'),
  counted('user.impressions', 'impression'),
  ratio('user.click_rate', 'click', 'impression', [1, 20], '(clicks + 1) / (impressions + 20)'),
  counted('user.views', 'view'),
  counted('user.purchases', 'purchase'),
  counted('user.purchase_amount', 'purchase_amount'),
  counted('user.ratings', 'rating'),
  ratio('user.rating_mean', 'rating_sum', 'rating', [0, 0], 'mean rating'),
  counted('user.watch_seconds', 'watch_seconds'),
  ratio('user.watch_mean', 'watch_seconds', 'watch', [0, 0], 'mean seconds watched at a time'),
  counted('user.likes', 'like'),
  counted('user.dislikes', 'dislike'),
  counted('user.comments', 'comment'),
  counted('user.shares', 'share'),
  counted('user.hides', 'hide'),
  counted('user.subscriptions', 'subscribe'),
  counted('user.sessions', 'sessions'),
  ratio(
    'user.session_seconds_mean',
    'session_seconds',
    'sessions',
    [0, 0],
    'mean length of a session, seconds',
    'log',
  ),
  ratio('user.sessions_per_day', 'sessions', 'active_days', [0, 0], 'sessions a day with an event'),
  counted('user.active_days', 'active_days'),
  counted('user.activity', 'activity'),
  feature('user.days_known', {
    family,
    encoding: { kind: 'log' },
    from: ['first_ms'],
    description: 'days since the earliest event; missing without one',
    read: {
      of: 'request',
      number: ({ input: { user, timeMs } }) => Math.max(timeMs - aggregate(user, 'first_ms'), 0) / DAY_MS,
    },
  }),
];

function aggregate({ aggregates }: User, name: UserAggregateName): number {
  return aggregates[AGGREGATE_INDEX[name]];
}

function counted(name: string, from: UserAggregateName): FeatureDeclaration {
  return feature(name, {
    family,
    encoding: { kind: 'log' },
    from: [from],
    description: USER_AGGREGATES[from].description,
    read: { of: 'request', number: ({ input: { user } }) => aggregate(user, from) },
  });
}

/** One aggregate over another, with `prior` added to each; missing where the other is 0. */
function ratio(
  name: string,
  above: UserAggregateName,
  below: UserAggregateName,
  prior: readonly [above: number, below: number],
  description: string,
  kind: 'number' | 'log' = 'number',
): FeatureDeclaration {
  return feature(name, {
    family,
    encoding: { kind },
    from: [above, below],
    description: `${description}; missing without ${USER_AGGREGATES[below].description}`,
    read: {
      of: 'request',
      number: ({ input: { user } }) => {
        const count = aggregate(user, below);
        return count > 0 ? (aggregate(user, above) + prior[0]) / (count + prior[1]) : Number.NaN;
      },
    },
  });
}
