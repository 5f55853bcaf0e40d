import { join } from 'node:path';
import type { Logger } from '../../../common/telemetry/log.ts';
import type { UserLimits } from '../../../common/users/user-record.ts';
import type { FeaturesConfig } from '../config.ts';
import { Snapshots } from '../snapshots.ts';
import type { FeatureFold } from '../stage.ts';
import { ProcessUserStore } from './process.ts';
import { RedisUserStore, storedUsers } from './redis.ts';
import { RedisUsers } from './redis-users.ts';
import type { UserStore } from './user-store.ts';

/** The fold as it was left, the store of its users, and the snapshots of what the store does not keep. */
export interface OpenedStore {
  readonly fold: FeatureFold;
  readonly store: UserStore;
  readonly snapshots: Snapshots;
}

interface Surroundings {
  readonly home: string;
  readonly limits: UserLimits;
  readonly log: Logger;
}

/** Opens the store that the configuration chooses. CONFIG_INVALID if it cannot be had. */
export async function openStore(
  config: FeaturesConfig,
  { home, limits, log }: Surroundings,
): Promise<OpenedStore> {
  if (config.store === 'process') {
    const snapshots = new Snapshots(join(home, 'features'), limits, log);
    const fold = await snapshots.load();
    return { fold, snapshots, store: new ProcessUserStore(fold, config.cachedStatesBytesMax) };
  }
  const redis = await RedisUsers.open(config.redis, limits, log);
  const snapshots = new Snapshots(join(home, 'features-redis'), limits, log, redis.offset);
  const fold = await snapshots.load();
  return { fold, snapshots, store: new RedisUserStore(redis, fold, config.redis.heldUsersMax) };
}

/**
 * Replaces all that the store holds by a fold of the whole log; what was there counts until it is done. CONFIG_INVALID if the store
 * cannot be had, as while a features service writes to Redis.
 */
export async function replaceStore(
  config: FeaturesConfig,
  { home, limits, log }: Surroundings,
  fold: FeatureFold,
): Promise<void> {
  if (config.store === 'process') {
    await new Snapshots(join(home, 'features'), limits, log).replace(fold);
    return;
  }
  const redis = await RedisUsers.open(config.redis, limits, log);
  try {
    await redis.replaceAll(storedUsers(fold), fold.offset);
    await new Snapshots(join(home, 'features-redis'), limits, log, redis.offset).replace(fold);
  } finally {
    await redis.close();
  }
}
