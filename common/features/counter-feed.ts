import { pause } from '../clock.ts';
import { rootCall } from '../rpc/call.ts';
import type { FeaturesService } from '../rpc/services.ts';
import type { Logger } from '../telemetry/log.ts';
import { ItemCounters } from './item-counters.ts';

const RETRY_MS = 200;

type CounterPage =
  ReturnType<FeaturesService['watchItemCounters']> extends AsyncIterable<infer Page> ? Page : never;

/**
 * The latest version of the item counters, as the features service streams them: always a whole version, equal to the fold of the
 * log up to it. A request keeps the version that it began with.
 */
export class CounterFeed {
  readonly #features: FeaturesService;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(counters: ItemCounters) => void>();
  readonly #running: Promise<void>;
  #current: ItemCounters | undefined;
  #connected = false;

  constructor(features: FeaturesService, log: Logger) {
    this.#features = features;
    this.#log = log;
    this.#running = this.#run();
  }

  /** Undefined before the first version. */
  get current(): ItemCounters | undefined {
    return this.#current;
  }

  /** True while versions arrive. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Calls `listener` with every new version, until the function returned is called. */
  onVersion(listener: (counters: ItemCounters) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const pages = this.#features.watchItemCounters({ version: 0 }, rootCall({ signal }));
        for await (const counters of versionsOf(pages, this.#current ?? ItemCounters.none)) {
          this.#connected = true;
          this.#current = counters;
          for (const listener of this.#listeners) listener(counters);
        }
      } catch (error) {
        if (!signal.aborted) this.#log.debug({ err: error }, 'counter stream ended; trying again');
      }
      this.#connected = false;
      await pause(RETRY_MS, signal);
    }
  }
}

/** The versions that follow `from`, each when its last page has come. */
async function* versionsOf(
  pages: AsyncIterable<CounterPage>,
  from: ItemCounters,
): AsyncGenerator<ItemCounters> {
  let current = from;
  let waiting: CounterPage[] = [];
  for await (const page of pages) {
    waiting.push(page);
    if (page.more) continue;
    const { version } = page;
    current = current.updated(
      waiting.map(({ counters }) => counters),
      version,
      waiting[0].complete,
    );
    waiting = [];
    yield current;
  }
}
