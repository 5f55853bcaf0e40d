import { pause } from '../../common/clock.ts';
import { consume } from '../../common/log/consume.ts';
import { type Call, rootCall, untilDeadline } from '../../common/rpc/call.ts';
import type { LoggingService } from '../../common/rpc/services.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import { EventKind, type SubscribeResponse } from '../../gen/millrace/logging/v1/logging.ts';
import type { FeaturesConfig } from './config.ts';
import type { Snapshots } from './snapshots.ts';
import type { FeatureFold } from './stage.ts';
import type { UserStore } from './stores/user-store.ts';
import { Watchers } from './watchers.ts';

const COMMIT_TIMEOUT_MS = 2_000;
const KINDS = [EventKind.EVENT_KIND_FEEDBACK, EventKind.EVENT_KIND_CATALOGUE, EventKind.EVENT_KIND_USER];

/** What a batch under way may take when the service closes. */
const CLOSE_MS_MAX = 2_000;

/** The fold that follows the log: tells watchers of the catalogue, whoever waits for an offset, and the snapshots. */
export class FollowedFold {
  readonly fold: FeatureFold;
  readonly watchers: Watchers;
  readonly #store: UserStore;
  readonly #snapshots: Snapshots;
  readonly #logging: LoggingService;
  readonly #config: FeaturesConfig;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<{ offset: number; resolve: () => void }>();
  readonly #caughtUp: Promise<void>;
  #isCurrent = false;
  #isCaughtUp: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  #savedOffset: number;
  #offset: number;
  /** The log's end as it was when this service began to follow. */
  #startEnd: number | undefined;

  constructor(parts: {
    fold: FeatureFold;
    store: UserStore;
    snapshots: Snapshots;
    logging: LoggingService;
    config: FeaturesConfig;
    log: Logger;
  }) {
    this.fold = parts.fold;
    this.#store = parts.store;
    this.#snapshots = parts.snapshots;
    this.#logging = parts.logging;
    this.#config = parts.config;
    this.#log = parts.log;
    this.#savedOffset = parts.fold.offset;
    this.#offset = parts.fold.offset;
    this.watchers = new Watchers(parts.fold.catalogue, parts.config.watchAckTimeoutMs, parts.log);
    this.#caughtUp = new Promise((resolve) => {
      this.#isCaughtUp = () => {
        this.#isCurrent = true;
        resolve();
      };
    });
  }

  /** Begins to follow the log; `changed(true)` is called when it has caught up, `changed(false)` if it cannot go on. */
  start(changed: (serving: boolean) => void): void {
    const { signal } = this.#stopping;
    void this.#caughtUp.then(() => {
      this.watchers.expectReturns();
      changed(true);
    });
    this.#running = consume({
      logging: this.#logging,
      consumer: 'features',
      offset: this.fold.offset,
      kinds: KINDS,
      handle: (batch) => this.#take(batch),
      signal,
      log: this.#log,
    }).catch((error) => {
      if (signal.aborted) return;
      this.#log.fatal({ err: error }, 'the log cannot be folded');
      changed(false);
    });
  }

  /** Up to where the log is folded and the store has taken it over, exclusive. */
  get offset(): number {
    return this.#offset;
  }

  /** False until the log is folded as far as it was when this service started: what is known of users is too old to use. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** Answers when the log is folded as far as it was when this service started. */
  untilCaughtUp(call: Call): Promise<void> {
    return untilDeadline(this.#caughtUp, call);
  }

  /** Answers when the log is folded up to `offset`, exclusive, and the store has it; DEADLINE_EXCEEDED if that takes too long. */
  async untilFolded(offset: number, call: Call): Promise<void> {
    if (this.#offset >= offset) return;
    let waiter: { offset: number; resolve: () => void } | undefined;
    const folded = new Promise<void>((resolve) => {
      waiter = { offset, resolve };
      this.#waiting.add(waiter);
    });
    await untilDeadline(folded, call).finally(() => this.#waiting.delete(waiter as never));
  }

  /** Stops, after the batch at hand if the store is there to take it, and writes a last snapshot. */
  async close(): Promise<void> {
    this.#stopping.abort();
    const finished = this.#running.then(() => this.#finish());
    await Promise.race([finished, pause(CLOSE_MS_MAX)]);
    await this.#store.close();
    await finished;
  }

  async #finish(): Promise<void> {
    if (this.#offset <= this.#savedOffset || this.#offset < this.fold.offset) return;
    await this.#store.commit(new Set(), this.#offset).then(
      () => this.#save(),
      (error) => this.#log.warn({ err: error }, 'no last snapshot: the store is away'),
    );
  }

  async #take({ events, nextOffset, endOffset }: SubscribeResponse): Promise<void> {
    await this.#store.prepare(events);
    const { users, changes } = this.fold.apply(events, nextOffset);
    if (changes.length > 0) {
      this.watchers.publish(changes);
      metrics.catalogueEpoch.set({ service: 'features' }, this.fold.catalogue.epoch);
    }
    const isSnapshotDue = this.fold.offset - this.#savedOffset >= this.#config.snapshotEvents;
    if (users.size > 0 || isSnapshotDue) await this.#store.commit(users, this.fold.offset);
    this.#offset = this.fold.offset;
    for (const waiter of this.#waiting) if (waiter.offset <= nextOffset) waiter.resolve();
    this.#startEnd ??= endOffset;
    if (nextOffset >= this.#startEnd) this.#isCaughtUp();
    if (isSnapshotDue) await this.#save();
  }

  /** Lets retention go on up to the snapshot; a log that is away learns it from a later one. */
  async #commit(): Promise<void> {
    const call = rootCall({ timeoutMs: COMMIT_TIMEOUT_MS });
    await this.#logging.commit({ consumer: 'features', offset: this.#savedOffset }, call).catch((error) => {
      this.#log.debug({ err: error }, 'the log was not told of the snapshot');
    });
  }

  async #save(): Promise<void> {
    try {
      await this.#snapshots.save(this.fold);
      this.#savedOffset = this.fold.offset;
      await this.#commit();
    } catch (error) {
      this.#log.error({ err: error }, 'snapshot could not be written; the log still holds everything');
    }
  }
}
