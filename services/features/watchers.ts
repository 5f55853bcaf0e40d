import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { fieldError } from '../../common/errors.ts';
import type { Logger } from '../../common/telemetry/log.ts';
import type {
  CatalogueChange,
  WatchCatalogueRequest,
  WatchCatalogueResponse,
} from '../../gen/millrace/features/v1/features.ts';
import { itemBytesMax, MESSAGE_BYTES_MAX } from './item-bytes.ts';

const RECENT_MAX = 20_000;
const BATCH_MAX = 1_000;
/** A watcher whose connection is lost is back in less, if it is alive: its retry and the channel's longest backoff. */
const RETURN_MS = 1_000;
/** Changes of one batch for a watcher that is far behind. */
const CATCH_UP_MAX = 5_000;
const CHANGE_BYTES = 40;

interface Watcher {
  readonly name: string;
  acknowledged: number;
  /** It does not keep up: its stream ends. */
  dropped: boolean;
  /** Its connection is lost. */
  lost: boolean;
  /** Wakes the stream: there are changes, or it must end. */
  wake: () => void;
}

/** One who was watching and may be back at any moment. */
interface Absent {
  /** Empty: any name. */
  readonly name: string;
  readonly untilMs: number;
}

/** Those who keep a copy of the catalogue: sends them changes and knows how far each has come. */
export class Watchers {
  readonly #catalogue: Catalogue;
  readonly #log: Logger;
  readonly #ackTimeoutMs: number;
  readonly #watchers = new Set<Watcher>();
  #absent: Absent[] = [];
  /** The latest changes, consecutive epochs. */
  readonly #recent: CatalogueChange[] = [];
  #acknowledged: () => void = () => {};
  #progress: Promise<void> = Promise.resolve();

  constructor(catalogue: Catalogue, ackTimeoutMs: number, log: Logger) {
    this.#catalogue = catalogue;
    this.#ackTimeoutMs = ackTimeoutMs;
    this.#log = log;
    this.#expectProgress();
  }

  /** Sends changes that the catalogue has applied, in order. */
  publish(changes: readonly CatalogueChange[]): void {
    this.#recent.push(...changes);
    if (this.#recent.length > RECENT_MAX) this.#recent.splice(0, this.#recent.length - RECENT_MAX);
    for (const watcher of this.#watchers) watcher.wake();
  }

  /** There may be copies of an earlier run of this service, whose keepers are about to come back. */
  expectReturns(): void {
    if (this.#catalogue.epoch > 0) this.#awaitReturn('');
  }

  /**
   * Answers when every watcher has acknowledged the epoch. One that does not in time is disconnected; one whose connection was
   * lost is given a moment to come back.
   */
  async untilAcknowledged(epoch: number): Promise<void> {
    const until = Date.now() + this.#ackTimeoutMs;
    for (;;) {
      const behind = [...this.#watchers].filter((watcher) => watcher.acknowledged < epoch);
      this.#absent = this.#absent.filter(({ untilMs }) => untilMs > Date.now());
      if (behind.length === 0 && this.#absent.length === 0) return;
      if (Date.now() >= until) {
        for (const watcher of behind) this.#drop(watcher, epoch);
        return;
      }
      const progress = this.#progress;
      const wakeMs = Math.min(until, ...this.#absent.map(({ untilMs }) => untilMs));
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.max(1, wakeMs - Date.now()));
      });
      await Promise.race([progress, timeout]);
      clearTimeout(timer);
    }
  }

  /** One watcher's stream: what it has missed, then changes as they come. Ends when it goes away or is disconnected. */
  async *watch(
    requests: AsyncIterable<WatchCatalogueRequest>,
    signal: AbortSignal,
  ): AsyncIterable<WatchCatalogueResponse> {
    const incoming = requests[Symbol.asyncIterator]();
    const first = await incoming.next();
    if (first.done) return;
    let sent = first.value.epoch;
    let settledEpoch = sent;
    if (sent > this.#catalogue.epoch) {
      throw fieldError(
        'epoch',
        `${sent} is ahead of the catalogue's ${this.#catalogue.epoch}: it is a copy of another log`,
        'EPOCH_MISMATCH',
      );
    }
    const watcher: Watcher = {
      name: first.value.watcher,
      acknowledged: sent,
      dropped: false,
      lost: false,
      wake: () => {},
    };
    const onAbort = (): void => watcher.wake();
    signal.addEventListener('abort', onAbort);
    this.#watchers.add(watcher);
    const back = this.#absent.findIndex(({ name }) => name === watcher.name);
    if (back !== -1) this.#absent.splice(back, 1);
    void this.#readAcknowledgements(watcher, incoming);
    try {
      for (let greet = true; !signal.aborted && !watcher.dropped && !watcher.lost; greet = false) {
        const { changes, condensed } = this.#changesAfter(sent);
        if (condensed) settledEpoch = this.#catalogue.epoch;
        sent = changes.at(-1)?.epoch ?? sent;
        if (greet || changes.length > 0)
          yield { changes, epoch: sent, lineage: this.#catalogue.lineage, settledEpoch };
        else {
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
            if (this.#catalogue.epoch > sent || signal.aborted || watcher.dropped || watcher.lost) resolve();
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#watchers.delete(watcher);
      if (!watcher.dropped) this.#awaitReturn(watcher.name);
      this.#expectProgress();
    }
  }

  #awaitReturn(name: string): void {
    this.#absent.push({ name, untilMs: Date.now() + RETURN_MS });
  }

  /** A batch of changes after the epoch: the recent ones as they were, else `condensed` to what has become of the items. */
  #changesAfter(epoch: number): { changes: CatalogueChange[]; condensed: boolean } {
    if (epoch >= this.#catalogue.epoch) return { changes: [], condensed: false };
    const oldest = this.#recent[0]?.epoch ?? Number.POSITIVE_INFINITY;
    const from = epoch + 1 - oldest;
    if (from >= 0)
      return { changes: oneMessage(this.#recent.slice(from, from + BATCH_MAX)), condensed: false };
    return { changes: oneMessage(this.#catalogue.changesSince(epoch, CATCH_UP_MAX)), condensed: true };
  }

  async #readAcknowledgements(
    watcher: Watcher,
    incoming: AsyncIterator<WatchCatalogueRequest>,
  ): Promise<void> {
    try {
      for (let next = await incoming.next(); !next.done; next = await incoming.next()) {
        watcher.acknowledged = Math.max(watcher.acknowledged, next.value.epoch);
        this.#expectProgress();
      }
    } catch {
      watcher.lost = true;
      watcher.wake();
    }
  }

  #drop(watcher: Watcher, epoch: number): void {
    this.#log.warn(
      { watcher: watcher.name, acknowledged: watcher.acknowledged, epoch },
      'watcher does not keep up and is disconnected',
    );
    watcher.dropped = true;
    this.#watchers.delete(watcher);
    watcher.wake();
  }

  /** Wakes whoever waits for acknowledgements. */
  #expectProgress(): void {
    const done = this.#acknowledged;
    this.#progress = new Promise((resolve) => {
      this.#acknowledged = resolve;
    });
    done();
  }
}

/** As many of the changes as fit a message; those of one epoch stay together. */
function oneMessage(changes: CatalogueChange[]): CatalogueChange[] {
  let bytes = 0;
  for (const [i, { epoch, upsert }] of changes.entries()) {
    bytes += CHANGE_BYTES + itemBytesMax(upsert);
    if (bytes > MESSAGE_BYTES_MAX && i > 0 && epoch !== changes[i - 1].epoch) return changes.slice(0, i);
  }
  return changes;
}
