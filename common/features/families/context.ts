import { type FeatureDeclaration, feature } from '../declaration.ts';
import type { Encoding } from '../encodings/encoding.ts';

const DAY_MS = 86_400_000;
/** The Unix epoch was a Thursday; weeks begin on Monday. */
const EPOCH_WEEKDAY = 3;
const YEAR_DAYS = 365.2425;
const family = 'context';

/** The hour, which the default ranker has. */
export const hourFeatures: readonly FeatureDeclaration[] = [
  feature('context.hour', {
    family,
    encoding: { kind: 'cyclic', period: DAY_MS },
    description: 'time of day, UTC',
    read: { of: 'request', number: ({ input: { timeMs } }) => timeMs % DAY_MS },
  }),
];

/** The rest of the moment. */
export const contextFeatures: readonly FeatureDeclaration[] = [
  feature('context.weekday', {
    family,
    encoding: { kind: 'cyclic', period: 7 },
    description: 'time of the week in days from Monday, UTC',
    read: { of: 'request', number: ({ input: { timeMs } }) => (timeMs / DAY_MS + EPOCH_WEEKDAY) % 7 },
  }),
  feature('context.season', {
    family,
    encoding: { kind: 'cyclic', period: YEAR_DAYS },
    description: 'time of the year in days, UTC',
    read: { of: 'request', number: ({ input: { timeMs } }) => (timeMs / DAY_MS) % YEAR_DAYS },
  }),
  worded('device', { kind: 'one-hot', max: 32, values: ['mobile', 'desktop', 'tablet', 'tv'] }),
  worded('locale', { kind: 'hashed', buckets: 8 }),
  worded('surface', { kind: 'hashed', buckets: 8 }),
  worded('region', { kind: 'hashed', buckets: 8 }),
];

export const contextFields = ['device', 'locale', 'surface', 'region'] as const;
export type ContextField = (typeof contextFields)[number];

function worded(field: ContextField, encoding: Encoding): FeatureDeclaration {
  return feature(`context.${field}`, {
    family,
    type: 'category',
    encoding,
    from: [field],
    description: `${field} of the request`,
    read: {
      of: 'request-words',
      words: ({ input: { context } }) => (context?.[field] ? [context[field]] : []),
    },
  });
}
