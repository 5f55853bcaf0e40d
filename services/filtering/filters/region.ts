import { Bitset } from '../../../common/bitset.ts';
import { RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';
import type { Filter } from './filter.ts';

const EVERYWHERE = 0;
const NOWHERE: Bitset = new Bitset();

/**
 * Where each item may be shown. Equal sets of regions are kept once, numbered from 1; an item holds its set's number, and a
 * region the bitset of the sets that contain it, so a row costs two array reads whatever the number of regions.
 */
export class ItemRegions {
  #setOf = new Uint32Array(0);
  readonly #sets = new Map<string, number>();
  readonly #setsWith = new Map<string, Bitset>();

  /** `regions`: ISO 3166 codes, in any case and order; empty: everywhere, as is an item never set. */
  set(ordinal: number, regions: readonly string[]): void {
    if (ordinal >= this.#setOf.length) {
      if (regions.length === 0) return;
      const larger = new Uint32Array(Math.max(ordinal + 1, this.#setOf.length * 2));
      larger.set(this.#setOf);
      this.#setOf = larger;
    }
    this.#setOf[ordinal] = regions.length === 0 ? EVERYWHERE : this.#numberOf(regions);
  }

  /** The number of the item's set of regions; 0: everywhere. */
  setOf(ordinal: number): number {
    return ordinal < this.#setOf.length ? this.#setOf[ordinal] : EVERYWHERE;
  }

  /** The numbers of the sets that contain `region`. Codes are equal or not: `DE` does not contain `DE-BY`. */
  setsWith(region: string): Bitset {
    return this.#setsWith.get(region.toUpperCase()) ?? NOWHERE;
  }

  #numberOf(regions: readonly string[]): number {
    const codes = [...new Set(regions.map((code) => code.toUpperCase()))].sort();
    const key = codes.join(',');
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const number = this.#sets.size + 1;
    this.#sets.set(key, number);
    for (const code of codes) {
      const sets = this.#setsWith.get(code) ?? new Bitset();
      sets.add(number);
      this.#setsWith.set(code, sets);
    }
    return number;
  }
}

/** Removes items limited to regions of which the viewer's is none; where the viewer is unknown, all items with limits. */
export function regionFilter(regions: ItemRegions): Filter {
  const reason = RemovalReason.REMOVAL_REASON_REGION;
  return {
    name: 'region',
    reason,
    apply(items, removed, { region }) {
      const allowed = regions.setsWith(region);
      for (let row = 0; row < items.length; row++) {
        if (removed[row] !== 0) continue;
        const set = regions.setOf(items[row]);
        if (set !== EVERYWHERE && !allowed.has(set)) removed[row] = reason;
      }
    },
  };
}
