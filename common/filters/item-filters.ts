import { Bitset } from '../bitset.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { numberOf } from '../features/attribute-values.ts';
import { OrdinalSet } from '../ordinal-set.ts';
import { ageFilter, MinimumAges } from './age.ts';
import { AvailabilityWindows, availabilityFilter } from './availability.ts';
import { BlockedItems, blockedFilter } from './blocked.ts';
import type { FilteringConfig } from './config.ts';
import { creatorFilter } from './creator.ts';
import { duplicateFilter } from './duplicate.ts';
import { excludedFilter } from './excluded.ts';
import { fatigueFilter } from './fatigue.ts';
import type { Filter, FilterContext } from './filter.ts';
import { hiddenFilter } from './hidden.ts';
import { LabelSets } from './label-sets.ts';
import { regionFilter, regionLabels } from './region.ts';
import { seenFilter } from './seen.ts';
import { segmentFilter } from './segment.ts';
import { FILTER_TABLE, type FilterName } from './table.ts';
import { unknownItemFilter } from './unknown-item.ts';
import { labelsOf } from './words.ts';

/** What became of the rows of one request. */
export interface Filtered {
  /** The RemovalReason of each row, 0 where it is kept. */
  readonly removed: Uint8Array;
  /** Filters of open policy that could not decide: their items stayed. */
  readonly undecided: readonly FilterName[];
}

/** All filters in their order over columns of the catalogue that follow its changes. */
export class ItemFilters {
  readonly #catalogue: Catalogue;
  readonly #config: FilteringConfig;
  readonly #listed = new Bitset();
  readonly #blocked: BlockedItems;
  readonly #windows = new AvailabilityWindows();
  readonly #regions = new LabelSets();
  readonly #segments = new LabelSets();
  readonly #creators = new LabelSets();
  readonly #ages = new MinimumAges();
  readonly #filters: readonly Filter[];
  readonly #stop: () => void;

  constructor(catalogue: Catalogue, config: FilteringConfig) {
    this.#catalogue = catalogue;
    this.#config = config;
    this.#blocked = new BlockedItems(config);
    for (let ordinal = 0; ordinal < catalogue.size; ordinal++) this.#follow(ordinal);
    this.#stop = catalogue.onChange((ordinal) => this.#follow(ordinal));
    this.#filters = this.#inOrder();
  }

  /** A filter of closed policy that fails fails the call: nothing passes unchecked. */
  filter(items: Uint32Array, context: FilterContext): Filtered {
    const removed = new Uint8Array(items.length);
    const undecided: FilterName[] = [];
    for (const filter of this.#filters) {
      try {
        filter.apply(items, removed, context);
      } catch (error) {
        if (FILTER_TABLE[filter.name].policy === 'closed') throw error;
        undecided.push(filter.name);
      }
    }
    return { removed, undecided };
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
  }

  #inOrder(): Filter[] {
    const { userAge, userSegments, blockedCreators } = this.#config.attributes;
    const scratch = new OrdinalSet();
    const filters: Readonly<Record<FilterName, Filter>> = {
      'unknown-item': unknownItemFilter(this.#listed),
      blocked: blockedFilter(this.#blocked, (ordinal, nowMs) => this.#catalogue.isBlocked(ordinal, nowMs)),
      excluded: excludedFilter(scratch),
      hidden: hiddenFilter(scratch),
      creator: creatorFilter(this.#creators, blockedCreators, scratch),
      seen: seenFilter(scratch),
      availability: availabilityFilter(this.#windows),
      region: regionFilter(this.#regions, scratch),
      age: ageFilter(this.#ages, userAge),
      segment: segmentFilter(this.#segments, userSegments, scratch),
      fatigue: fatigueFilter(this.#config.fatigue, scratch),
      duplicate: duplicateFilter(scratch),
    };
    return Object.keys(FILTER_TABLE).map((name) => filters[name as FilterName]);
  }

  #follow(ordinal: number): void {
    const item = this.#catalogue.item(ordinal);
    if (item === undefined) this.#listed.delete(ordinal);
    else {
      const { minimumAge, segments, creator } = this.#config.attributes;
      this.#listed.add(ordinal);
      this.#windows.set(ordinal, item.availableFromMs || undefined, item.availableUntilMs || undefined);
      this.#regions.set(ordinal, regionLabels(item.regions));
      this.#segments.set(ordinal, labelsOf(item.attributes, segments));
      this.#creators.set(ordinal, labelsOf(item.attributes, creator));
      this.#ages.set(ordinal, numberOf(item.attributes, minimumAge));
    }
    if (this.#catalogue.blocked.has(ordinal)) this.#blocked.block(ordinal);
    else this.#blocked.unblock(ordinal);
  }
}
