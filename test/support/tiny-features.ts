import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import type { Candidates } from '../../common/columns.ts';
import { MillraceError } from '../../common/errors.ts';
import type { ItemCounters } from '../../common/features/item-counters.ts';
import type { Call } from '../../common/rpc/call.ts';
import type { FeaturesService } from '../../common/rpc/services.ts';
import type {
  CatalogueChange,
  Item,
  SnapshotCatalogueResponse,
  WatchCatalogueRequest,
  WatchCatalogueResponse,
  WatchItemCountersResponse,
} from '../../gen/millrace/features/v1/features.ts';

async function absent(): Promise<never> {
  throw new MillraceError('METHOD_UNKNOWN', 'only what a single stage follows is here');
}

/**
 * What a stage follows of the features service, over a catalogue in memory: enough to run one stage without the log. The
 * other methods answer METHOD_UNKNOWN.
 */
export class TinyFeatures implements FeaturesService {
  readonly catalogue: Catalogue;
  readonly getUserState = absent;
  readonly upsertUsers = absent;
  readonly upsertItems = absent;
  readonly deleteItems = absent;
  readonly block = absent;
  readonly unblock = absent;
  readonly resolve = absent;
  /** Epoch acknowledged by watcher. */
  readonly #watchers = new Map<symbol, number>();
  #waiting: (() => void)[] = [];
  #counters: ItemCounters | undefined;

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue;
  }

  /** Adds or replaces; answers the item's ordinal once every watcher has it. */
  async upsert(item: Item): Promise<number> {
    const ordinal = this.catalogue.ordinalEver(item.id) ?? this.catalogue.size;
    await this.#apply({ epoch: this.catalogue.epoch + 1, ordinal, upsert: item });
    return ordinal;
  }

  /** Deletes; answers once every watcher knows. */
  delete(ordinal: number): Promise<void> {
    return this.#apply({ epoch: this.catalogue.epoch + 1, ordinal, delete: {} });
  }

  /** Makes a version of the counters known to whoever watches. */
  publish(counters: ItemCounters): void {
    this.#counters = counters;
    this.#wake();
  }

  async *watchCatalogue(
    requests: AsyncIterable<WatchCatalogueRequest>,
    { signal }: Call,
  ): AsyncIterable<WatchCatalogueResponse> {
    signal.addEventListener('abort', () => this.#wake());
    const acknowledgements = requests[Symbol.asyncIterator]();
    const first = await acknowledgements.next();
    if (first.done) return;
    let sent: number = first.value.epoch;
    const watcher = Symbol();
    this.#watchers.set(watcher, sent);
    void this.#read(acknowledgements, watcher);
    try {
      while (!signal.aborted) {
        const { epoch, lineage } = this.catalogue;
        yield { changes: this.catalogue.changesSince(sent), epoch, lineage, settledEpoch: epoch };
        sent = epoch;
        while (this.catalogue.epoch === sent && !signal.aborted) await this.#wait();
      }
    } finally {
      this.#watchers.delete(watcher);
      this.#wake();
    }
  }

  async *watchItemCounters(
    _request: unknown,
    { signal }: Call,
  ): AsyncIterable<Omit<WatchItemCountersResponse, 'counters'> & { counters: Candidates }> {
    signal.addEventListener('abort', () => this.#wake());
    let sent: ItemCounters | undefined;
    while (!signal.aborted) {
      if (this.#counters !== undefined && this.#counters !== sent) {
        sent = this.#counters;
        yield { version: sent.version, complete: true, counters: sent.rows(), more: false };
      } else await this.#wait();
    }
  }

  async *snapshotCatalogue(): AsyncIterable<SnapshotCatalogueResponse> {
    const { epoch, lineage, size } = this.catalogue;
    const items = Array.from({ length: size }, (_, ordinal) => this.catalogue.resolved(ordinal));
    yield { epoch, lineage, size, items: items.filter(({ item }) => item !== undefined) };
  }

  async #apply(change: CatalogueChange): Promise<void> {
    this.catalogue.apply(change);
    this.#wake();
    while ([...this.#watchers.values()].some((epoch) => epoch < change.epoch)) await this.#wait();
  }

  async #read(requests: AsyncIterator<WatchCatalogueRequest>, watcher: symbol): Promise<void> {
    for (;;) {
      const next = await requests.next().catch(() => undefined);
      if (next === undefined || next.done) return;
      if (this.#watchers.has(watcher)) this.#watchers.set(watcher, next.value.epoch);
      this.#wake();
    }
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
