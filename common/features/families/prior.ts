import type { Action } from '../../../gen/millrace/type/v1/type.ts';
import { Action as Actions } from '../../../gen/millrace/type/v1/type.ts';
import { isPositive } from '../../user-state.ts';
import { type FeatureDeclaration, feature } from '../declaration.ts';
import type { FeatureRequest } from '../request.ts';

const DAY_MS = 86_400_000;
const family = 'prior';

/** What the person's history says of one item. */
interface Prior {
  events: number;
  positives: number;
  latestMs: number;
  /** NaN: none. */
  rating: number;
}

/** What the person themselves did with the item before, as far as the history in their state goes. */
export const priorFeatures: readonly FeatureDeclaration[] = [
  prior('interaction.prior_events', 'log', 'events with the item', ({ events }) => events, 0),
  prior('interaction.prior_positives', 'log', 'positive events with it', ({ positives }) => positives, 0),
  prior(
    'interaction.prior_rating',
    'number',
    'latest rating of it; missing without one',
    ({ rating }) => rating,
  ),
  prior(
    'interaction.days_since_prior',
    'log',
    'days since the latest event with it; missing without one',
    ({ latestMs }, timeMs) => Math.max(timeMs - latestMs, 0) / DAY_MS,
  ),
];

function prior(
  name: string,
  kind: 'log' | 'number',
  description: string,
  of: (prior: Prior, timeMs: number) => number,
  otherwise = Number.NaN,
): FeatureDeclaration {
  return feature(name, {
    family,
    encoding: { kind },
    from: ['history'],
    description,
    read: {
      of: 'row',
      write: (request, { rows, at, stride, encode }) => {
        const known = request.once(priorsOf);
        const { items } = request.input.candidates;
        for (let row = 0, o = at; row < items.length; row++, o += stride) {
          const own = known.size === 0 ? undefined : known.get(items[row]);
          rows[o] = encode(own === undefined ? otherwise : of(own, request.input.timeMs));
        }
      },
    },
  });
}

/** By item of the history. */
function priorsOf({ input: { user } }: FeatureRequest): ReadonlyMap<number, Prior> {
  const priors = new Map<number, Prior>();
  for (let event = 0; event < user.items.length; event++) {
    const item = user.items[event];
    const action = user.actions[event] as Action;
    let own = priors.get(item);
    if (own === undefined) {
      own = { events: 0, positives: 0, latestMs: 0, rating: Number.NaN };
      priors.set(item, own);
    }
    own.events++;
    if (isPositive(action)) own.positives++;
    own.latestMs = Math.max(own.latestMs, user.timesMs[event]);
    if (action === Actions.ACTION_RATING && !Number.isNaN(user.values[event]))
      own.rating = user.values[event];
  }
  return priors;
}
