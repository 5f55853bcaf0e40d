import type { Redis } from 'ioredis';

/** Lua scripts, each atomic in Redis and in its append-only file. */
export interface RedisScripts {
  /** Takes or renews the lease; answers whose it is. */
  takeLease(writerKey: string, token: string, leaseMs: number): Promise<string>;
  /**
   * Writes users and the offset after them if the lease is `token`'s or nobody's and the offset is `expected`; does nothing if it is
   * `next` already, as after a lost reply. Answers `done`, `writer NAME` or `offset N`. `args`: number of keys, writer key, meta key,
   * user keys; token, lease, expected, next, seconds to live (0: for ever), then state and record of each user; both
   * empty: the user is deleted.
   */
  commitUsers(...args: (string | number | Buffer)[]): Promise<string>;
  /** Makes another generation the one that counts, under the same condition. Answers as `commitUsers`. */
  beginGeneration(
    writerKey: string,
    metaKey: string,
    token: string,
    generation: number,
    offset: number,
    identity: string,
  ): Promise<string>;
}

const TAKE_LEASE = `
local writer = redis.call('GET', KEYS[1])
if writer and writer ~= ARGV[1] then return writer end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`;

const COMMIT_USERS = `
local writer = redis.call('GET', KEYS[1])
if writer and writer ~= ARGV[1] then return 'writer ' .. writer end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local offset = redis.call('HGET', KEYS[2], 'offset') or '0'
if offset == ARGV[4] then return 'done' end
if offset ~= ARGV[3] then return 'offset ' .. offset end
for i = 3, #KEYS do
  local at = 6 + (i - 3) * 2
  if ARGV[at] == '' then redis.call('DEL', KEYS[i]) else
    redis.call('HSET', KEYS[i], 'state', ARGV[at], 'record', ARGV[at + 1])
    if ARGV[5] ~= '0' then redis.call('EXPIRE', KEYS[i], ARGV[5]) end
  end
end
redis.call('HSET', KEYS[2], 'offset', ARGV[4])
return 'done'`;

const BEGIN_GENERATION = `
local writer = redis.call('GET', KEYS[1])
if writer and writer ~= ARGV[1] then return 'writer ' .. writer end
redis.call('HSET', KEYS[2], 'generation', ARGV[2], 'offset', ARGV[3], 'identity', ARGV[4])
return 'done'`;

/** The client with the scripts as commands. */
export function withScripts(redis: Redis): Redis & RedisScripts {
  redis.defineCommand('takeLease', { numberOfKeys: 1, lua: TAKE_LEASE });
  redis.defineCommand('commitUsers', { lua: COMMIT_USERS });
  redis.defineCommand('beginGeneration', { numberOfKeys: 2, lua: BEGIN_GENERATION });
  return redis as Redis & RedisScripts;
}
