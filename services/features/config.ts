import { z } from 'zod';
import { declaredFeatureSchema } from '../../common/features/declared.ts';
import type { FilteringConfig } from '../../common/filters/config.ts';
import type { UserLimits } from '../../common/users/user-record.ts';

/** Users of one UpsertUsers, ids of one Resolve. */
export const LIST_MAX = 10_000;

const redisSchema = z.strictObject({
  url: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
  /** Begins every key; one features service a prefix. */
  prefix: z.string().min(1).max(100).default('millrace'),
  /** A user without events for so long is forgotten, seconds; 0: never. */
  ttlSeconds: z.number().int().min(0).default(0),
  /** A read that takes longer answers STAGE_UNAVAILABLE, milliseconds. */
  timeoutMs: z.number().int().positive().default(200),
  /** A writer that has not been heard of for so long may be succeeded, milliseconds. */
  leaseMs: z.number().int().min(100).default(5_000),
  /** Records that the writer holds in memory beside Redis. */
  heldUsersMax: z.number().int().min(0).default(50_000),
});
export type RedisConfig = z.infer<typeof redisSchema>;

export const featuresSchema = z.strictObject({
  /** Where users' states are kept. */
  store: z.enum(['process', 'redis']).default('process'),
  redis: redisSchema.prefault({}),
  /** Latest events of a user that their state holds, impressions left out. */
  historyMax: z.number().int().min(1).max(10_000).default(500),
  /** Latest seen items that the state holds exactly; older ones go into a Bloom filter. */
  seenExactMax: z.number().int().min(0).max(100_000).default(2_000),
  /** Of the Bloom filter of older seen items. */
  seenFalsePositiveRate: z.number().gt(0).lt(1).default(0.01),
  /** Latest impressions, of items not acted on since, that the state holds where `filtering.fatigue` is set. */
  impressionsMax: z.number().int().min(1).max(10_000).default(500),
  /** A pause longer than this begins a session of a user, milliseconds. */
  sessionGapMs: z.number().int().positive().default(1_800_000),
  /** Events between snapshots. */
  snapshotEvents: z.number().int().positive().default(200_000),
  /** A watcher of the catalogue that does not acknowledge a change in this time is disconnected, milliseconds. */
  watchAckTimeoutMs: z.number().positive().default(1_000),
  /** Item counters are sent at most this often, milliseconds. */
  countersIntervalMs: z.number().positive().default(250),
  /** Encoded user states are kept until they change, up to so many bytes. */
  cachedStatesBytesMax: z
    .number()
    .int()
    .positive()
    .default(128 * 1024 * 1024),
  /** Features over attributes, beside the built-in ones; `train.ranker.features` chooses among both. */
  declared: z.array(declaredFeatureSchema).max(1_000).default([]),
});
export type FeaturesConfig = z.infer<typeof featuresSchema>;

/** What is kept of users as filtering wants it; impressions only where it looks at them. */
export function userLimits(config: FeaturesConfig, { engine, seen, fatigue }: FilteringConfig): UserLimits {
  const { historyMax, seenExactMax, seenFalsePositiveRate: falsePositiveRate, sessionGapMs } = config;
  return {
    historyMax,
    seenExactMax,
    bloomEngine: engine,
    falsePositiveRate,
    sessionGapMs,
    seenSeconds: seen,
    impressionsMax: fatigue === undefined ? 0 : config.impressionsMax,
  };
}
