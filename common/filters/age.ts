import { numberOf } from '../features/attribute-values.ts';
import { FAILED, type Failed } from '../features/readers.ts';
import { type Filter, itemwise } from './filter.ts';
import { grownTo } from './grown.ts';

const EVERYONE = 0;

/** The least age of a viewer by item, years. */
export class MinimumAges {
  #years = new Float32Array(0);

  /** `years`: NaN: for everyone; FAILED: nobody knows, so for no one. */
  set(ordinal: number, years: number | Failed): void {
    const least = years === FAILED ? Number.POSITIVE_INFINITY : years > 0 ? years : EVERYONE;
    if (ordinal >= this.#years.length) {
      if (least === EVERYONE) return;
      this.#years = grownTo(this.#years, ordinal + 1);
    }
    this.#years[ordinal] = least;
  }

  /** Whether no item was ever for some only. */
  get isEmpty(): boolean {
    return this.#years.length === 0;
  }

  /** 0: for everyone. */
  of(ordinal: number): number {
    return ordinal < this.#years.length ? this.#years[ordinal] : EVERYONE;
  }
}

/** Removes items for people older than the viewer; where the age is unknown, all that ask for one. */
export function ageFilter(ages: MinimumAges, names: readonly string[]): Filter {
  return itemwise('age', ({ user }) => {
    if (ages.isEmpty) return undefined;
    const age = numberOf(user.profile, names);
    const years = typeof age === 'number' && age >= 0 ? age : EVERYONE;
    return (item) => ages.of(item) > years;
  });
}
