import type { Catalogue } from '../catalogue/catalogue.ts';
import type { CatalogueReplica } from '../catalogue/replica.ts';
import type { FeaturesService } from '../rpc/services.ts';
import type { Logger } from '../telemetry/log.ts';
import { CounterFeed } from './counter-feed.ts';
import { ItemColumns } from './item-columns.ts';
import { ItemCounters } from './item-counters.ts';

/**
 * What features are made of beside the request: columns of items that follow a copy of the catalogue, and item counters that follow the
 * log. Stages that share the copy, as in one process, share this too.
 */
export class FeatureWorld implements AsyncDisposable {
  static readonly #shared = new WeakMap<CatalogueReplica, FeatureWorld>();

  readonly #replica: CatalogueReplica;
  readonly #openFeed: () => CounterFeed;
  #feed: CounterFeed | undefined;
  #items: ItemColumns | undefined;
  #users = 0;

  private constructor(replica: CatalogueReplica, features: FeaturesService, log: Logger) {
    this.#replica = replica;
    this.#openFeed = () => new CounterFeed(features, log);
  }

  /** That of `replica`; whoever asked disposes of it, and the last one ends it. */
  static of(replica: CatalogueReplica, features: FeaturesService, log: Logger): FeatureWorld {
    const world = FeatureWorld.#shared.get(replica) ?? new FeatureWorld(replica, features, log);
    FeatureWorld.#shared.set(replica, world);
    world.#users++;
    return world;
  }

  /** The columns over the replica's catalogue, as `base` made it known. From then on counters are followed. */
  items(base: Catalogue): ItemColumns {
    this.#feed ??= this.#openFeed();
    this.#items ??= new ItemColumns(base);
    return this.#items;
  }

  /** The live counters; those of the bundle, `base`, while nothing is counted live. */
  counters(base: ItemCounters): ItemCounters {
    const live = this.live;
    return live.version > 0 ? live : base;
  }

  /** Of version 0 while nothing is counted live. */
  get live(): ItemCounters {
    return this.#feed?.current ?? ItemCounters.none;
  }

  /** True while counters arrive. */
  get connected(): boolean {
    return this.#feed?.connected ?? false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (--this.#users > 0) return;
    FeatureWorld.#shared.delete(this.#replica);
    await this.#feed?.stop();
    this.#items?.close();
  }
}
