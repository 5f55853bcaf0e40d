import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  StorageType,
} from '@nats-io/jetstream';
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node';
import { hash32 } from '../random.ts';
import {
  LogClosedError,
  LogError,
  LogFullError,
  LogOverloadedError,
  LogReadError,
  LogWriteError,
  OffsetBeyondEndError,
  OffsetTruncatedError,
} from './errors.ts';
import type { NatsConfig } from './log-config.ts';
import type { ReadLimits, RecordBatch } from './log-reader.ts';
import { NatsCursors } from './nats-cursors.ts';
import { oldestKept } from './nats-retention.ts';
import type { FollowOptions, LogRecord, RecordLog, RecordPlace, Retention } from './record-log.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_WAIT_MS = 100;
const PENDING_BYTES_MAX = 64 * 1024 * 1024;
/** Records of an import that are under way at once. */
const PORTION = 1_000;
/** How often followers look for records that other processes appended. */
const POLL_MS = 250;
const PARTITION_SEED = 0x6e617473;
/** JetStream's codes and words for a message that is not there any more. */
const GONE_CODES = new Set([10037, 10043]);
/** See `#noteErased`. */
const ERASED = /^first offset (\d+); before (\d+) messages were erased$/;
const GONE = /no message found|deleted message/;
/** JetStream's codes for: no memory or disk left, the stream's limits reached. */
const FULL_CODES = new Set([10023, 10028, 10047, 10077]);

/**
 * The log as one JetStream stream, whose sequence is the one order of all events: offset = sequence − 1. A record's id is its
 * `Nats-Msg-Id`; its key chooses the subject `<stream>.events.<partition>`. What the server has acknowledged survives the death of
 * the server; against the loss of a machine it is as safe as `replicas` make it.
 */
export class NatsLog implements RecordLog {
  readonly mayKeepRejected = true;
  readonly #config: NatsConfig;
  readonly #connection: NatsConnection;
  readonly #jetstream: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #cursors: NatsCursors;
  readonly #waiters = new Set<() => void>();
  #firstOffset = 0;
  #endOffset = 0;
  /** Records before it may be missing because they were erased. */
  #erasedUntil = 0;
  #meanBytes = 0;
  #pendingBytes = 0;
  #isAway = false;
  #isClosed = false;
  #poll: NodeJS.Timeout | undefined;

  private constructor(config: NatsConfig, connection: NatsConnection, manager: JetStreamManager) {
    this.#config = config;
    this.#connection = connection;
    this.#jetstream = jetstream(connection, { timeout: config.appendTimeoutMs });
    this.#manager = manager;
    this.#cursors = new NatsCursors(config.stream, this.#jetstream, manager);
    void this.#watchConnection();
  }

  /** Makes the stream where it is missing. Throws `LogReadError` where no server can be reached. */
  static async open(config: NatsConfig): Promise<NatsLog> {
    const { servers, user, password, token, appendTimeoutMs } = config;
    let connection: NatsConnection | undefined;
    try {
      connection = await connect({
        servers,
        ...(user === undefined ? {} : { user }),
        ...(password === undefined ? {} : { pass: password }),
        ...(token === undefined ? {} : { token }),
        name: 'millrace',
        timeout: CONNECT_TIMEOUT_MS,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_WAIT_MS,
        pingInterval: appendTimeoutMs,
      });
      const manager = await jetstreamManager(connection, { timeout: CONNECT_TIMEOUT_MS });
      await ensureStream(manager, config);
      const log = new NatsLog(config, connection, manager);
      await log.#refresh();
      return log;
    } catch (cause) {
      await connection?.close();
      throw new LogReadError(`logging.nats.servers: ${servers.join(', ')}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  get firstOffset(): number {
    return this.#firstOffset;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  async append(records: readonly LogRecord[]): Promise<RecordPlace[]> {
    this.#refuseClosed();
    if (this.#isAway) throw new LogWriteError('NATS cannot be reached');
    const bytes = records.reduce((sum, { payload }) => sum + payload.length, 0);
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > PENDING_BYTES_MAX)
      throw new LogOverloadedError(`${this.#pendingBytes} bytes already wait for NATS`);
    this.#pendingBytes += bytes;
    try {
      const published = await Promise.allSettled(records.map((record) => this.#publish(record)));
      return published.map((each) => {
        if (each.status === 'rejected') throw writeError(each.reason);
        return each.value;
      });
    } finally {
      this.#pendingBytes -= bytes;
    }
  }

  async importAll(records: Iterable<LogRecord> | AsyncIterable<LogRecord>): Promise<number> {
    const before = this.#endOffset;
    let first: number | undefined;
    let portion: LogRecord[] = [];
    const flush = async (): Promise<void> => {
      const places = await this.append(portion);
      first ??= places[0]?.offset;
      portion = [];
    };
    for await (const record of records) if (portion.push(record) >= PORTION) await flush();
    await flush();
    return first ?? before;
  }

  async read(fromOffset: number, limits: ReadLimits = {}): Promise<RecordBatch> {
    this.#refuseClosed();
    if (!Number.isSafeInteger(fromOffset) || fromOffset < 0)
      throw new RangeError(`fromOffset must be a non-negative integer, not ${fromOffset}`);
    if (this.#isAway) throw new LogReadError('NATS cannot be reached');
    const { recordsMax = 1024, bytesMax = 1024 * 1024 } = limits;
    try {
      if (fromOffset >= this.#endOffset) await this.#refresh();
      if (fromOffset < this.#firstOffset) throw new OffsetTruncatedError(fromOffset, this.#firstOffset);
      if (fromOffset > this.#endOffset) throw new OffsetBeyondEndError(fromOffset, this.#endOffset);
      const fitting = Math.max(1, Math.floor(bytesMax / Math.max(1, this.#meanBytes)));
      const count = Math.min(recordsMax, fitting, this.#endOffset - fromOffset);
      if (count <= 0) return { offset: fromOffset, payloads: [] };
      return { offset: fromOffset, payloads: await this.#cursors.read(fromOffset, count) };
    } catch (error) {
      if (error instanceof LogError) throw error;
      throw new LogReadError(`NATS: ${(error as Error).message}`, { cause: error });
    }
  }

  async *follow(fromOffset: number, options: FollowOptions = {}): AsyncGenerator<RecordBatch, void, void> {
    const { recordsMax = 1024, signal } = options;
    let offset = fromOffset;
    while (!this.#isClosed && !signal?.aborted) {
      if (offset === this.#endOffset) {
        await this.#advance(offset, signal);
        continue;
      }
      const batch = await this.read(offset, { recordsMax });
      if (batch.payloads.length === 0) continue;
      yield batch;
      offset += batch.payloads.length;
    }
  }

  /**
   * Hands each record of one partition to `handle`, in order, as the durable consumer `name`: several processes share the work by
   * taking partitions. A record counts as consumed when `handle` has returned; after a crash the last one may come again, which a
   * consumer that commits its state together with the offset knows. Ends on `signal`.
   */
  async consumePartition(
    partition: number,
    name: string,
    handle: (offset: number, payload: Uint8Array) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const durable = `${name}-${partition}`;
    await this.#manager.consumers.add(this.#config.stream, {
      durable_name: durable,
      filter_subject: this.#subject(partition),
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      max_ack_pending: 1,
    });
    const consumer = await this.#jetstream.consumers.get(this.#config.stream, durable);
    const messages = await consumer.consume({ max_messages: 1 });
    const stop = () => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const message of messages) {
        await handle(message.seq - 1, message.data);
        await message.ackAck();
        if (signal.aborted) return;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      await messages.close();
    }
  }

  /** The partition of a key. */
  partitionOf(key: string): number {
    return hash32(key, PARTITION_SEED) % this.#config.partitions;
  }

  async retain(retention: Retention): Promise<number> {
    await this.#refresh();
    const before = await oldestKept(this.#manager, this.#config.stream, retention);
    if (before > this.#firstOffset) {
      if (before <= this.#erasedUntil) await this.#noteErased(before, this.#erasedUntil);
      await this.#manager.streams.purge(this.#config.stream, { seq: before + 1 });
      await this.#refresh();
    }
    return this.#firstOffset;
  }

  /** The server overwrites each message. */
  async erase(offsets: readonly number[], progress?: (done: number, all: number) => void): Promise<void> {
    const ascending = [...new Set(offsets)].sort((a, b) => a - b);
    if (ascending.length === 0) return;
    await this.#refresh();
    const until = (ascending.at(-1) as number) + 1;
    if (until > this.#erasedUntil) await this.#noteErased(this.#firstOffset, until);
    for (const [i, offset] of ascending.entries()) {
      await this.#manager.streams.deleteMessage(this.#config.stream, offset + 1, true).catch((error) => {
        if (GONE_CODES.has(error.code) || GONE.test(error.message)) return;
        throw writeError(error);
      });
      progress?.(i + 1, ascending.length);
    }
    this.#cursors.forget();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    await this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #publish({ id, key, payload }: LogRecord): Promise<RecordPlace> {
    const { seq, duplicate } = await this.#jetstream.publish(this.#subject(this.partitionOf(key)), payload, {
      msgID: id,
      timeout: this.#config.appendTimeoutMs,
      retries: 0,
    });
    this.#extend(seq);
    return { offset: seq - 1, duplicate };
  }

  #subject(partition: number): string {
    return `${this.#config.stream}.events.${partition}`;
  }

  #refuseClosed(): void {
    if (this.#isClosed) throw new LogClosedError('the log is closed');
  }

  async #refresh(): Promise<void> {
    const { state, config } = await this.#manager.streams.info(this.#config.stream);
    this.#meanBytes = state.messages === 0 ? 0 : state.bytes / state.messages;
    const held = state.messages === 0 ? state.last_seq : state.first_seq - 1;
    const [, first = '0', until = '0'] = ERASED.exec(config.description ?? '') ?? [];
    this.#erasedUntil = Number(until);
    this.#firstOffset = held <= this.#erasedUntil ? Math.min(held, Number(first)) : held;
    this.#extend(state.last_seq);
  }

  /**
   * Says durably, in the stream's description, that the stream's first messages, from `first` on and up to `until`, may be missing because they were erased: the
   * server moves the beginning of a stream over deleted messages, as if they were no longer retained.
   */
  async #noteErased(first: number, until: number): Promise<void> {
    const description = `first offset ${first}; before ${until} messages were erased`;
    await this.#manager.streams.update(this.#config.stream, { description });
    this.#erasedUntil = until;
  }

  #extend(endOffset: number): void {
    if (endOffset <= this.#endOffset) return;
    this.#endOffset = endOffset;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves when there is a record at `offset`, or on `signal`, or on closing; rejects while NATS cannot be reached. */
  #advance(offset: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        const away = this.#isAway && !this.#isClosed && !signal?.aborted;
        if (this.#endOffset <= offset && !this.#isClosed && !signal?.aborted && !away) return;
        this.#waiters.delete(done);
        if (this.#waiters.size === 0) {
          clearInterval(this.#poll);
          this.#poll = undefined;
        }
        signal?.removeEventListener('abort', done);
        if (away) reject(new LogReadError('NATS cannot be reached'));
        else resolve();
      };
      this.#waiters.add(done);
      this.#poll ??= setInterval(() => void this.#refresh().catch(() => {}), POLL_MS);
      signal?.addEventListener('abort', done, { once: true });
      done();
    });
  }

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect') {
        this.#isAway = true;
        this.#cursors.forget();
        this.#wake();
      } else if (type === 'reconnect') this.#isAway = false;
    }
  }
}

async function ensureStream(manager: JetStreamManager, config: NatsConfig): Promise<void> {
  const { stream, replicas, dedupWindowS } = config;
  try {
    await manager.streams.info(stream);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.apiError().code !== 404) {
      if ((error as Error).name !== 'StreamNotFoundError') throw error;
    }
    await manager.streams.add({
      name: stream,
      subjects: [`${stream}.events.*`],
      storage: StorageType.File,
      num_replicas: replicas,
      duplicate_window: nanos(dedupWindowS * 1_000),
    });
  }
}

function writeError(error: unknown): LogError {
  const { message } = error as Error;
  if (error instanceof JetStreamApiError && FULL_CODES.has(error.code))
    return new LogFullError(`NATS has no room left: ${message}`, { cause: error });
  return new LogWriteError(`NATS did not take the records: ${message}`, { cause: error });
}
