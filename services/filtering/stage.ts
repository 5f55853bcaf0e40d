import { Bitset } from '../../common/bitset.ts';
import type { BloomEngine } from '../../common/bloom/filter.ts';
import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { OrdinalSet } from '../../common/ordinal-set.ts';
import { AvailabilityWindows, availabilityFilter } from './filters/availability.ts';
import { BlockedItems, blockedFilter } from './filters/blocked.ts';
import { duplicateFilter } from './filters/duplicate.ts';
import { excludedFilter } from './filters/excluded.ts';
import type { Filter, FilterContext } from './filters/filter.ts';
import { hiddenFilter } from './filters/hidden.ts';
import { ItemRegions, regionFilter } from './filters/region.ts';
import { seenFilter } from './filters/seen.ts';
import { unknownItemFilter } from './filters/unknown-item.ts';

/** All filters in their order over columns of the catalogue that follow its changes. */
export class FilterStage {
  readonly #catalogue: Catalogue;
  readonly #listed = new Bitset();
  readonly #blocked: BlockedItems;
  readonly #windows = new AvailabilityWindows();
  readonly #regions = new ItemRegions();
  readonly #filters: readonly Filter[];
  readonly #stop: () => void;

  constructor(catalogue: Catalogue, engine: BloomEngine) {
    this.#catalogue = catalogue;
    this.#blocked = new BlockedItems(engine);
    for (let ordinal = 0; ordinal < catalogue.size; ordinal++) this.#follow(ordinal);
    this.#stop = catalogue.onChange((ordinal) => this.#follow(ordinal));
    const scratch = new OrdinalSet();
    this.#filters = [
      unknownItemFilter(this.#listed),
      blockedFilter(this.#blocked, (ordinal, nowMs) => catalogue.isBlocked(ordinal, nowMs)),
      excludedFilter(scratch),
      hiddenFilter(scratch),
      seenFilter(scratch),
      availabilityFilter(this.#windows),
      regionFilter(this.#regions),
      duplicateFilter(scratch),
    ];
  }

  /** The reason that each row is removed for, 0 where it is kept. A filter that fails fails the call: nothing passes unchecked. */
  filter(items: Uint32Array, context: FilterContext): Uint8Array {
    const removed = new Uint8Array(items.length);
    for (const filter of this.#filters) filter.apply(items, removed, context);
    return removed;
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
  }

  #follow(ordinal: number): void {
    const item = this.#catalogue.item(ordinal);
    if (item === undefined) this.#listed.delete(ordinal);
    else {
      this.#listed.add(ordinal);
      this.#windows.set(ordinal, item.availableFromMs || undefined, item.availableUntilMs || undefined);
      this.#regions.set(ordinal, item.regions);
    }
    if (this.#catalogue.blocked.has(ordinal)) this.#blocked.block(ordinal);
    else this.#blocked.unblock(ordinal);
  }
}
