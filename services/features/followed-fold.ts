import { pause } from '../../common/clock.ts';
import { consume } from '../../common/log/consume.ts';
import { type Call, rootCall, untilDeadline } from '../../common/rpc/call.ts';
import type { LoggingService } from '../../common/rpc/services.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import { metrics } from '../../common/telemetry/metrics.ts';
import {
  EventKind,
  type RecordedEvent,
  type SubscribeResponse,
} from '../../gen/millrace/logging/v1/logging.ts';
import type { FeaturesConfig } from './config.ts';
import { OffsetGate } from './offset-gate.ts';
import type { Snapshots } from './snapshots.ts';
import type { FeatureFold } from './stage.ts';
import type { UserStore } from './stores/user-store.ts';
import { Watchers } from './watchers.ts';

const COMMIT_TIMEOUT_MS = 2_000;
const KINDS = [
  EventKind.EVENT_KIND_FEEDBACK,
  EventKind.EVENT_KIND_CATALOGUE,
  EventKind.EVENT_KIND_USER,
  EventKind.EVENT_KIND_FORGOTTEN,
];

/** What a batch under way may take when the service closes. */
const CLOSE_MS_MAX = 2_000;
/** A store that takes longer over a batch is left behind. */
const STORE_MS_MAX = 250;
/** Events of users that wait for the store; beyond them the whole fold waits. */
const QUEUED_EVENTS_MAX = 20_000;

/** Events of a batch of the log that concern users, and the offset after the batch. */
interface UserBatch {
  readonly events: readonly RecordedEvent[];
  readonly nextOffset: number;
  /** Whether the store has to have the offset, even if no user changed. */
  readonly isSnapshotDue: boolean;
}

/**
 * The fold that follows the log: tells watchers of the catalogue, whoever waits for an offset, and the snapshots. Users go through
 * the store batch by batch; while it is away catalogue and counters go on without them, and the batches wait in order.
 */
export class FollowedFold {
  readonly fold: FeatureFold;
  readonly watchers: Watchers;
  readonly #store: UserStore;
  readonly #snapshots: Snapshots;
  readonly #logging: LoggingService;
  readonly #config: FeaturesConfig;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #items: OffsetGate;
  readonly #users: OffsetGate;
  readonly #queue: UserBatch[] = [];
  #queuedEvents = 0;
  readonly #caughtUp: Promise<void>;
  #isCurrent = false;
  #isCaughtUp: () => void = () => {};
  #running: Promise<void> = Promise.resolve();
  /** Ends when nothing is queued, and with the store; never rejects. */
  #draining: Promise<void> = Promise.resolve();
  #fail: (error: unknown) => void = () => {};
  #savedOffset: number;
  /** Whether snapshots may hold a user who is forgotten since. */
  #hasForgotten = false;
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
    this.#items = new OffsetGate(parts.fold.offset);
    this.#users = new OffsetGate(parts.fold.offset);
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
    this.#fail = (error) => {
      if (signal.aborted) return;
      this.#log.fatal({ err: error }, 'the log cannot be folded');
      changed(false);
      this.#stopping.abort();
    };
    if (this.#savedOffset > 0) void this.#commit();
    this.#running = consume({
      logging: this.#logging,
      consumer: 'features',
      offset: this.fold.offset,
      kinds: KINDS,
      handle: (batch) => this.#take(batch),
      signal,
      log: this.#log,
    }).catch(this.#fail);
  }

  /** Up to where users are folded and the store has taken them over, exclusive. */
  get offset(): number {
    return this.#users.offset;
  }

  /** False until the log is folded as far as it was when this service started: what is known of users is too old to use. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** Answers when the log is folded as far as it was when this service started. */
  untilCaughtUp(call: Call): Promise<void> {
    return untilDeadline(this.#caughtUp, call);
  }

  /** Answers when users are folded up to `offset`, exclusive, and the store has them; DEADLINE_EXCEEDED if that takes too long. */
  untilFolded(offset: number, call: Call): Promise<void> {
    return this.#users.until(offset, call);
  }

  /** Answers when the catalogue is folded up to `offset`, exclusive; DEADLINE_EXCEEDED if that takes too long. */
  untilItemsFolded(offset: number, call: Call): Promise<void> {
    return this.#items.until(offset, call);
  }

  /** Stops, after the batch at hand if the store is there to take it, and writes a last snapshot. */
  async close(): Promise<void> {
    this.#stopping.abort();
    const finished = this.#running.then(() => this.#draining).then(() => this.#finish());
    await Promise.race([finished, pause(CLOSE_MS_MAX)]);
    await this.#store.close();
    await finished;
  }

  async #finish(): Promise<void> {
    const { offset } = this;
    if (offset <= this.#savedOffset || offset < this.fold.offset) return;
    await this.#store.commit(new Set(), offset).then(
      () => this.#save(),
      (error) => this.#log.warn({ err: error }, 'no last snapshot: the store is away'),
    );
  }

  async #take({ events, nextOffset, endOffset }: SubscribeResponse): Promise<void> {
    this.#startEnd ??= endOffset;
    const { ofUsers, changes } = this.fold.applyItems(events, nextOffset);
    if (changes.length > 0) {
      this.watchers.publish(changes);
      metrics.catalogueEpoch.set({ service: 'features' }, this.fold.catalogue.epoch);
    }
    this.#items.advance(nextOffset);
    this.#hasForgotten ||= events.some(({ event }) => event?.forgotten !== undefined);
    const isSnapshotDue =
      this.#hasForgotten || this.fold.offset - this.#savedOffset >= this.#config.snapshotEvents;
    await this.#enqueue({ events: ofUsers, nextOffset, isSnapshotDue });
    if (isSnapshotDue && this.offset === this.fold.offset) await this.#save();
  }

  /** Answers when the store has the batch, when it is slow, or, where too much is waiting, when all is taken. */
  async #enqueue(batch: UserBatch): Promise<void> {
    const isBehind = this.#queue.length > 0;
    this.#queue.push(batch);
    this.#queuedEvents += batch.events.length;
    if (!isBehind) this.#draining = this.#drain().catch((error) => this.#fail(error));
    if (this.#queuedEvents > QUEUED_EVENTS_MAX) await this.#draining;
    if (isBehind) return;
    const drained = new AbortController();
    await Promise.race([this.#draining.finally(() => drained.abort()), pause(STORE_MS_MAX, drained.signal)]);
  }

  async #drain(): Promise<void> {
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      const { events, nextOffset, isSnapshotDue } = batch;
      await this.#store.prepare(events);
      const changed = this.fold.applyUsers(events, nextOffset);
      if (changed.size > 0 || isSnapshotDue) await this.#store.commit(changed, nextOffset);
      this.#queue.shift();
      this.#queuedEvents -= events.length;
      this.#users.advance(nextOffset);
      if (nextOffset >= (this.#startEnd ?? Number.POSITIVE_INFINITY)) this.#isCaughtUp();
    }
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
      if (this.#hasForgotten) await this.#snapshots.replace(this.fold);
      else await this.#snapshots.save(this.fold);
      this.#hasForgotten = false;
      this.#savedOffset = this.fold.offset;
      await this.#commit();
    } catch (error) {
      this.#log.error({ err: error }, 'snapshot could not be written; the log still holds everything');
    }
  }
}
