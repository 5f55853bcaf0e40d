import type { ItemValues } from '../../../../common/catalogue/item-values.ts';

/** A cap of a rule over the rows of one slate. */
export interface RowCap {
  readonly itemsMax: number;
  /** Length of the runs of positions that are limited; 0: the whole slate is one. */
  readonly window: number;
  /** What it counts by; undefined: all rows together. */
  readonly values: ItemValues | undefined;
  /** Whether it counts a row. */
  readonly counts: (row: number) => boolean;
}

/**
 * How full the caps are while a slate is being filled in any order. A key is one value of one cap; each row has the keys that it
 * counts for.
 */
export class CapCounts {
  readonly #caps: readonly RowCap[];
  readonly #size: number;
  readonly #keyStart: Uint32Array;
  readonly #keys: number[] = [];
  readonly #capOf: number[] = [];
  readonly #totals: Uint16Array;
  /** By key and position: 1 where a row with that key stands; only of caps with windows. */
  readonly #standing: Uint8Array;

  /** `caps`: by authority. `items`: one ordinal a row. `size`: positions of the slate. */
  constructor(caps: readonly RowCap[], items: Uint32Array, size: number) {
    this.#caps = caps;
    this.#size = size;
    this.#keyStart = new Uint32Array(items.length + 1);
    const numbers = caps.map(() => new Map<number, number>());
    for (let row = 0; row < items.length; row++) {
      for (const [cap, { values, counts }] of caps.entries()) {
        if (!counts(row)) continue;
        if (values === undefined) this.#keys.push(this.#keyOf(numbers[cap], cap, 0));
        else
          for (let i = 0; i < values.lengthOf(items[row]); i++)
            this.#keys.push(this.#keyOf(numbers[cap], cap, values.at(items[row], i)));
      }
      this.#keyStart[row + 1] = this.#keys.length;
    }
    this.#totals = new Uint16Array(this.#capOf.length);
    const windows = caps.some(({ window }) => window > 0);
    this.#standing = new Uint8Array(windows ? this.#capOf.length * size : 0);
  }

  put(row: number, position: number): void {
    this.#change(row, position, 1);
  }

  take(row: number, position: number): void {
    this.#change(row, position, -1);
  }

  /** The first of the `considered` strongest caps that a row which stands nowhere would exceed at the position; -1: none. */
  refusing(row: number, position: number, considered: number): number {
    for (let at = this.#keyStart[row]; at < this.#keyStart[row + 1]; at++) {
      const key = this.#keys[at];
      const cap = this.#capOf[key];
      if (cap >= considered) return -1;
      if (this.#isFull(key, position, this.#caps[cap])) return cap;
    }
    return -1;
  }

  /** How many rows stand where a cap no longer allows one, by cap; the later of those that share a run. */
  excess(): Uint32Array {
    const excess = new Uint32Array(this.#caps.length);
    for (const [key, cap] of this.#capOf.entries()) {
      const { itemsMax, window } = this.#caps[cap];
      if (window === 0) excess[cap] += Math.max(0, this.#totals[key] - itemsMax);
      else
        for (let position = 0; position < this.#size; position++) {
          if (this.#standing[key * this.#size + position] === 0) continue;
          if (this.#countIn(key, Math.max(0, position - window + 1), position + 1) > itemsMax) excess[cap]++;
        }
    }
    return excess;
  }

  #keyOf(numbers: Map<number, number>, cap: number, value: number): number {
    let key = numbers.get(value);
    if (key === undefined) {
      key = this.#capOf.length;
      numbers.set(value, key);
      this.#capOf.push(cap);
    }
    return key;
  }

  #change(row: number, position: number, by: number): void {
    for (let at = this.#keyStart[row]; at < this.#keyStart[row + 1]; at++) {
      const key = this.#keys[at];
      this.#totals[key] += by;
      if (this.#standing.length > 0) this.#standing[key * this.#size + position] += by;
    }
  }

  #isFull(key: number, position: number, { itemsMax, window }: RowCap): boolean {
    if (this.#totals[key] < itemsMax) return false;
    if (window === 0 || window >= this.#size) return true;
    const last = Math.min(position, this.#size - window);
    for (let start = Math.max(0, position - window + 1); start <= last; start++)
      if (this.#countIn(key, start, start + window) >= itemsMax) return true;
    return false;
  }

  #countIn(key: number, from: number, to: number): number {
    let count = 0;
    for (let position = from; position < to; position++) count += this.#standing[key * this.#size + position];
    return count;
  }
}
