import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Redis } from 'ioredis';
import { pause } from '../../../common/clock.ts';
import { MillraceError } from '../../../common/errors.ts';
import type { Logger } from '../../../common/telemetry/log.ts';
import { foldIdentity } from '../../../common/users/fold.ts';
import type { UserLimits } from '../../../common/users/user-record.ts';
import type { RedisConfig } from '../config.ts';
import { type RedisScripts, withScripts } from './redis-scripts.ts';

const WRITE_TIMEOUT_MS = 10_000;
const RECONNECT_MS_MAX = 500;
const RETRY_MS = 100;
const SCAN_COUNT = 1_000;

/** A user as Redis holds it: the encoded state that readers get, and the record that the writer goes on from. */
export interface StoredBytes {
  readonly userId: string;
  readonly state: Buffer;
  readonly record: Buffer;
}

/**
 * Users in Redis under one prefix, with the log offset up to which they are folded. Keys, of one slot: `{prefix}:writer`, the lease of the
 * one writer; `{prefix}:meta`, generation, offset and identity of the fold; `{prefix}:GENERATION:u:ID`, a user. Values are opaque bytes:
 * Redis adds nothing up.
 */
export class RedisUsers {
  readonly #reader: Redis;
  readonly #writer: Redis & RedisScripts;
  readonly #config: RedisConfig;
  readonly #log: Logger;
  readonly #token = `${hostname()}:${process.pid}:${randomUUID()}`;
  readonly #closing = new AbortController();
  readonly #identity: string;
  #renewal: NodeJS.Timeout | undefined;
  #generation = 1;
  #offset = 0;

  private constructor(config: RedisConfig, limits: UserLimits, log: Logger) {
    this.#config = config;
    this.#log = log;
    this.#identity = foldIdentity(limits);
    this.#reader = connection(config.url, config.timeoutMs);
    this.#writer = withScripts(connection(config.url, WRITE_TIMEOUT_MS));
  }

  /**
   * Becomes the one writer of the prefix. What was folded by other rules is given up: the fold begins again at offset 0.
   * CONFIG_INVALID if Redis cannot be reached or another writer stays alive for longer than a lease.
   */
  static async open(config: RedisConfig, limits: UserLimits, log: Logger): Promise<RedisUsers> {
    const users = new RedisUsers(config, limits, log);
    let fault: Error | undefined;
    users.#writer.once('error', (error) => (fault = error));
    try {
      await users.#open();
      return users;
    } catch (cause) {
      await users.close();
      if (cause instanceof MillraceError) throw cause;
      const { message } = fault ?? (cause as Error);
      throw new MillraceError('CONFIG_INVALID', `features.redis.url: ${message}`, { cause });
    }
  }

  /** Up to where the users are folded, exclusive. */
  get offset(): number {
    return this.#offset;
  }

  /** The encoded state of a user; undefined: there is none. STAGE_UNAVAILABLE while Redis is away. */
  state(userId: string): Promise<Buffer | undefined> {
    return this.#answer(async () => (await this.#reader.hgetBuffer(this.#key(userId), 'state')) ?? undefined);
  }

  /** Records of the users that there are, in one round trip. STAGE_UNAVAILABLE while Redis is away. */
  readRecords(userIds: readonly string[]): Promise<Buffer[]> {
    return this.#answer(() => this.#recordsOver(this.#reader, userIds));
  }

  /** The same for the writer: waits while Redis is away. */
  async records(userIds: readonly string[]): Promise<Buffer[]> {
    return userIds.length === 0 ? [] : this.#persist(() => this.#recordsOver(this.#writer, userIds));
  }

  /** Writes users and the offset after them as one. Waits while Redis is away; STORE_LOST if it is no longer this writer's. */
  async commit(users: readonly StoredBytes[], offset: number): Promise<void> {
    if (offset <= this.#offset) return;
    const { leaseMs, ttlSeconds } = this.#config;
    const keys = [this.#writerKey, this.#metaKey, ...users.map(({ userId }) => this.#key(userId))];
    const values = users.flatMap(({ state, record }) => [state, record]);
    const outcome = await this.#persist(() =>
      this.#writer.commitUsers(
        keys.length,
        ...keys,
        ...[this.#token, leaseMs, this.#offset, offset, ttlSeconds],
        ...values,
      ),
    );
    this.#check(outcome);
    this.#offset = offset;
  }

  /** Replaces everything by `users`, folded up to `offset`; until it is done, and if it is never done, what was there counts. */
  async replaceAll(users: Iterable<readonly StoredBytes[]>, offset: number): Promise<void> {
    const next = this.#generation + 1;
    await this.#dropGeneration(next);
    for (const chunk of users) {
      await this.#persist(async () => {
        const pipeline = this.#writer.pipeline();
        for (const { userId, state, record } of chunk) {
          const key = this.#key(userId, next);
          pipeline.hset(key, { state, record });
          if (this.#config.ttlSeconds > 0) pipeline.expire(key, this.#config.ttlSeconds);
        }
        for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
      });
    }
    await this.#begin(next, offset);
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    this.#closing.abort();
    if (this.#writer.status === 'ready') {
      const mine = (await this.#writer.get(this.#writerKey).catch(() => null)) === this.#token;
      if (mine) await this.#writer.del(this.#writerKey).catch(() => {});
    }
    this.#reader.disconnect();
    this.#writer.disconnect();
  }

  async #open(): Promise<void> {
    await Promise.all([this.#reader.connect(), this.#writer.connect()]);
    await this.#takeLease();
    const { leaseMs } = this.#config;
    this.#renewal = setInterval(() => {
      this.#writer.takeLease(this.#writerKey, this.#token, leaseMs).catch(() => {});
    }, leaseMs / 3);
    this.#renewal.unref();
    const { generation = '1', offset = '0', identity } = await this.#writer.hgetall(this.#metaKey);
    this.#generation = Number(generation);
    this.#offset = Number(offset);
    if (identity === this.#identity) return;
    if (identity !== undefined)
      this.#log.warn('the users in Redis were folded by other rules: beginning anew');
    await this.#begin(this.#generation + 1, 0);
  }

  /** Waits for the lease of a writer that may be dead. */
  async #takeLease(): Promise<void> {
    const { leaseMs } = this.#config;
    const untilMs = Date.now() + leaseMs * 2;
    for (;;) {
      const owner = await this.#writer.takeLease(this.#writerKey, this.#token, leaseMs);
      if (owner === this.#token) return;
      if (Date.now() > untilMs)
        throw new MillraceError(
          'CONFIG_INVALID',
          `features.redis.prefix: ${this.#config.prefix} has a writer that is alive, ${owner} (host:process:token)`,
        );
      await pause(Math.min(RETRY_MS, leaseMs / 4));
    }
  }

  async #begin(generation: number, offset: number): Promise<void> {
    const outcome = await this.#persist(() =>
      this.#writer.beginGeneration(
        this.#writerKey,
        this.#metaKey,
        this.#token,
        generation,
        offset,
        this.#identity,
      ),
    );
    this.#check(outcome);
    const before = this.#generation;
    this.#generation = generation;
    this.#offset = offset;
    await this.#dropGeneration(before);
  }

  async #dropGeneration(generation: number): Promise<void> {
    const match = this.#key('', generation).replace(/[*?[\]\\]/g, '\\$&');
    let cursor = '0';
    do {
      const [next, keys] = await this.#persist(() =>
        this.#writer.scan(cursor, 'MATCH', `${match}*`, 'COUNT', SCAN_COUNT),
      );
      if (keys.length > 0) await this.#persist(() => this.#writer.unlink(...keys));
      cursor = next;
    } while (cursor !== '0');
  }

  #check(outcome: string): void {
    if (outcome === 'done') return;
    throw new MillraceError(
      'STORE_LOST',
      outcome.startsWith('writer')
        ? `another service writes the users to Redis: ${outcome.slice('writer '.length)}`
        : `Redis is at ${outcome}, not at ${this.#offset} as this service left it; a restart folds from there`,
    );
  }

  async #recordsOver(redis: Redis, userIds: readonly string[]): Promise<Buffer[]> {
    const pipeline = redis.pipeline();
    for (const userId of userIds) pipeline.hgetBuffer(this.#key(userId), 'record');
    const replies = (await pipeline.exec()) ?? [];
    return replies.flatMap(([error, record]) => {
      if (error !== null) throw error;
      return record === null ? [] : [record as Buffer];
    });
  }

  async #answer<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (cause) {
      const message = `Redis does not answer: ${(cause as Error).message}`;
      throw new MillraceError('STAGE_UNAVAILABLE', message, { cause });
    }
  }

  /** Tries until Redis answers or this is closed. */
  async #persist<T>(attempt: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        if (this.#closing.signal.aborted) throw error;
        if (tries === 0) this.#log.warn({ err: error }, 'Redis does not answer; trying until it does');
        await pause(RETRY_MS, this.#closing.signal);
      }
    }
  }

  get #writerKey(): string {
    return `{${this.#config.prefix}}:writer`;
  }

  get #metaKey(): string {
    return `{${this.#config.prefix}}:meta`;
  }

  #key(userId: string, generation = this.#generation): string {
    return `{${this.#config.prefix}}:${generation}:u:${userId}`;
  }
}

/** A connection that fails at once what it cannot send, and goes on trying to connect. */
function connection(url: string, commandTimeout: number): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    commandTimeout,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(times * 50, RECONNECT_MS_MAX),
  });
  redis.on('error', () => {});
  return redis;
}
