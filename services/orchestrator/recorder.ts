import { asMillraceError, MillraceError, type Reason } from '../../common/errors.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { rootCall } from '../../common/rpc/call.ts';
import type { LoggingService } from '../../common/rpc/services.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';

const BATCH_MAX = 500;
/** How long a record waits for others to share an append with: under load that is several times cheaper. */
const GATHER_MS = 20;
const APPEND_TIMEOUT_MS = 2_000;
const RETRY_MS = 250;
const SPOOL_MAX = 1_000_000;
/** Why the log takes a batch never, however often it is tried. */
const REFUSALS: ReadonlySet<Reason> = new Set(['FIELD_INVALID', 'MESSAGE_MALFORMED', 'MESSAGE_TOO_LARGE']);

/**
 * Writes decision records and impressions to the log, off the request path. While the log is away they go to a durable local
 * spool and are replayed when it is back; their event ids make a replay count once. Beyond a million spooled records new ones
 * are dropped and counted.
 */
export class Recorder {
  readonly #logging: LoggingService;
  readonly #spool: SegmentLog;
  readonly #log: Logger;
  readonly #queueMax: number;
  readonly #queue: Event[] = [];
  /** The first spooled record that has not been replayed. */
  #replayed: number;
  #wake: () => void = () => {};
  #closing = false;
  readonly #running: Promise<void>;

  private constructor(
    options: { logging: LoggingService; log: Logger; queueMax: number },
    spool: SegmentLog,
  ) {
    this.#logging = options.logging;
    this.#log = options.log;
    this.#queueMax = options.queueMax;
    this.#spool = spool;
    this.#replayed = spool.firstOffset;
    this.#running = this.#run();
  }

  static async open(options: {
    logging: LoggingService;
    spoolFolder: string;
    log: Logger;
    queueMax: number;
  }): Promise<Recorder> {
    return new Recorder(options, await SegmentLog.open(options.spoolFolder));
  }

  /** True while records wait in the spool. */
  get spooling(): boolean {
    return this.#replayed < this.#spool.endOffset;
  }

  /** Takes a record; never waits. */
  record(event: Event): void {
    if (this.#queue.length >= this.#queueMax) metrics.spoolDroppedTotal.inc();
    else this.#queue.push(event);
    this.#wake();
  }

  /** Writes records to the spool: durable on return. LOG_UNAVAILABLE if it is full or cannot be written. */
  async spool(events: readonly Event[]): Promise<void> {
    try {
      await this.#toSpool(events);
    } catch (cause) {
      const { message } = cause as Error;
      throw new MillraceError('LOG_UNAVAILABLE', `the log is away, and the spool too: ${message}`, { cause });
    }
    this.#wake();
  }

  /** Writes what is queued, to the log or the spool. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake();
    await this.#running;
    await this.#spool.close();
  }

  async #run(): Promise<void> {
    while (!this.#closing || this.#queue.length > 0) {
      const few = this.#queue.length > 0 && this.#queue.length < BATCH_MAX;
      if (few && !this.#closing) await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
      const batch = this.#queue.splice(0, BATCH_MAX);
      if (batch.length > 0 && !(await this.#append(batch))) await this.#spoolOrDrop(batch);
      else if (this.spooling && !this.#closing) await this.#replay();
      if (this.#queue.length === 0 && !this.#closing) await this.#pause();
    }
  }

  /**
   * False while the log is away. A batch that the log refuses is halved until what is refused is one record, which is dropped: what is
   * too large together is not lost, and what can never be recorded does not hold up the rest.
   */
  async #append(events: Event[]): Promise<boolean> {
    try {
      await this.#logging.append({ events }, rootCall({ timeoutMs: APPEND_TIMEOUT_MS }));
      return true;
    } catch (thrown) {
      const error = asMillraceError(thrown);
      if (!REFUSALS.has(error.reason)) {
        this.#log.debug({ err: error }, 'log unavailable; records are spooled');
        return false;
      }
      if (events.length === 1) {
        metrics.spoolDroppedTotal.inc();
        this.#log.error({ err: error, eventId: events[0].eventId }, 'the log refuses a record; it is lost');
        return true;
      }
      const half = events.length >> 1;
      return (await this.#append(events.slice(0, half))) && (await this.#append(events.slice(half)));
    }
  }

  async #toSpool(events: readonly Event[]): Promise<void> {
    if (this.#spool.endOffset - this.#replayed > SPOOL_MAX)
      throw new Error(`spool holds ${SPOOL_MAX} records`);
    await this.#spool.append(events.map((event) => Event.encode(event).finish()));
    metrics.spooledTotal.inc(events.length);
  }

  async #spoolOrDrop(events: readonly Event[]): Promise<void> {
    try {
      await this.#toSpool(events);
    } catch (error) {
      metrics.spoolDroppedTotal.inc(events.length);
      this.#log.error({ err: error, records: events.length }, 'decision records lost');
    }
  }

  async #replay(): Promise<void> {
    const { payloads } = await this.#spool.read(this.#replayed, { recordsMax: BATCH_MAX });
    if (!(await this.#append(payloads.map((payload) => Event.decode(payload))))) return;
    this.#replayed += payloads.length;
    if (this.spooling) await this.#spool.dropBefore(this.#replayed);
    else await this.#spool.clear(this.#replayed);
  }

  /** Waits for a record; while the spool holds some, only for a moment. */
  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.spooling ? setTimeout(resolve, RETRY_MS) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
