import type { ItemValues } from '../../../../common/catalogue/item-values.ts';

/** A cap of a rule over the rows of one slate. */
export interface RowCap {
  readonly itemsMax: number;
  /** Length of the runs of positions that are limited; 0: the whole slate is one. */
  readonly window: number;
  /** What it counts by; undefined: all rows together. */
  readonly values: ItemValues | undefined;
  /** 1 for each row that it counts. */
  readonly counted: Uint8Array;
}

/**
 * How full the caps are while a slate is being filled in any order. A key is one value of one cap; each row has the keys that it
 * counts for.
 */
export class CapCounts {
  readonly #caps: readonly RowCap[];
  readonly #size: number;
  /** The keys of each row, and the rows of each key: offsets into the list, one more than there are. */
  readonly #keyStart: Uint32Array;
  readonly #keys: Uint32Array;
  readonly #rowStart: Uint32Array;
  readonly #rows: Uint32Array;
  readonly #capOf: number[] = [];
  readonly #totals: Uint16Array;
  /** By key and position: 1 where a row with that key stands; only of caps with windows. */
  readonly #standing: Uint8Array;
  /** By key: the position for which `#full` has been worked out since the key last changed, or -1. */
  readonly #knownAt: Int32Array;
  readonly #full: Uint8Array;

  /** `caps`: by authority. `items`: one ordinal a row. `size`: positions of the slate. */
  constructor(caps: readonly RowCap[], items: Uint32Array, size: number) {
    this.#caps = caps;
    this.#size = size;
    const keys = keysOf(caps, items, this.#capOf);
    const count = this.#capOf.length;
    this.#keyStart = keys.start;
    this.#keys = Uint32Array.from(keys.list);
    this.#rowStart = new Uint32Array(count + 1);
    this.#rows = new Uint32Array(keys.list.length);
    for (const key of this.#keys) this.#rowStart[key + 1]++;
    for (let key = 0; key < count; key++) this.#rowStart[key + 1] += this.#rowStart[key];
    const next = this.#rowStart.slice(0, count);
    for (let row = 0; row < items.length; row++)
      for (let at = keys.start[row]; at < keys.start[row + 1]; at++) this.#rows[next[this.#keys[at]]++] = row;
    this.#totals = new Uint16Array(count);
    this.#standing = new Uint8Array(caps.some(({ window }) => window > 0) ? count * size : 0);
    this.#knownAt = new Int32Array(count).fill(-1);
    this.#full = new Uint8Array(count);
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
      if (this.#totals[key] >= this.#caps[cap].itemsMax && this.#isFull(key, position)) return cap;
    }
    return -1;
  }

  /** Whether a row which stands nowhere would exceed the cap at the position. */
  refuses(row: number, position: number, cap: number): boolean {
    for (let at = this.#keyStart[row]; at < this.#keyStart[row + 1]; at++) {
      const key = this.#keys[at];
      if (this.#capOf[key] !== cap || this.#totals[key] < this.#caps[cap].itemsMax) continue;
      if (this.#isFull(key, position)) return true;
    }
    return false;
  }

  /** Writes the first cap that each row, if it stands nowhere, would exceed at the position; -1: none. */
  refusals(position: number, refusedBy: Int32Array): void {
    refusedBy.fill(-1);
    for (let key = this.#capOf.length - 1; key >= 0; key--) {
      const cap = this.#capOf[key];
      if (this.#totals[key] < this.#caps[cap].itemsMax || !this.#isFull(key, position)) continue;
      for (let at = this.#rowStart[key]; at < this.#rowStart[key + 1]; at++) refusedBy[this.#rows[at]] = cap;
    }
  }

  /** How many rows stand where a cap no longer allows one, by cap; the later of those that share a run. */
  excess(): Uint32Array {
    const excess = new Uint32Array(this.#caps.length);
    for (const [key, cap] of this.#capOf.entries()) {
      const { itemsMax, window } = this.#caps[cap];
      const over = this.#totals[key] - itemsMax;
      if (over <= 0) continue;
      if (window === 0) excess[cap] += over;
      else
        for (let position = 0; position < this.#size; position++) {
          if (this.#standing[key * this.#size + position] === 0) continue;
          if (this.#countIn(key, Math.max(0, position - window + 1), position + 1) > itemsMax) excess[cap]++;
        }
    }
    return excess;
  }

  #change(row: number, position: number, by: number): void {
    for (let at = this.#keyStart[row]; at < this.#keyStart[row + 1]; at++) {
      const key = this.#keys[at];
      this.#totals[key] += by;
      this.#knownAt[key] = -1;
      if (this.#standing.length > 0) this.#standing[key * this.#size + position] += by;
    }
  }

  #isFull(key: number, position: number): boolean {
    if (this.#knownAt[key] !== position) {
      this.#knownAt[key] = position;
      this.#full[key] = this.#findFull(key, position, this.#caps[this.#capOf[key]]) ? 1 : 0;
    }
    return this.#full[key] === 1;
  }

  #findFull(key: number, position: number, { itemsMax, window }: RowCap): boolean {
    if (window === 0 || window >= this.#size) return true;
    const first = Math.max(0, position - window + 1);
    const last = Math.min(position, this.#size - window);
    const at = key * this.#size;
    let count = this.#countIn(key, first, first + window);
    for (let start = first; ; start++) {
      if (count >= itemsMax) return true;
      if (start === last) return false;
      count += this.#standing[at + start + window] - this.#standing[at + start];
    }
  }

  #countIn(key: number, from: number, to: number): number {
    const at = key * this.#size;
    let count = 0;
    for (let position = at + from; position < at + to; position++) count += this.#standing[position];
    return count;
  }
}

/** While keys are given out: of each value of each cap the rows that have it, then one more than its key. */
let numberOfValue = new Uint32Array(1024);

/**
 * The keys of each row. A value that no more rows have than its cap allows needs none, as it is never full for a row that stands
 * nowhere. `capOf` gets the cap of each key, by rising cap.
 */
function keysOf(
  caps: readonly RowCap[],
  items: Uint32Array,
  capOf: number[],
): { start: Uint32Array; list: number[] } {
  const first = firstValues(caps);
  const used: number[] = [];
  for (let cap = 0; cap < caps.length; cap++) {
    const { counted, itemsMax } = caps[cap];
    const from = used.length;
    for (let row = 0; row < items.length; row++) {
      const count = counted[row] === 0 ? 0 : lengthOf(caps[cap], items[row]);
      for (let i = 0; i < count; i++) {
        const value = first[cap] + valueAt(caps[cap], items[row], i);
        if (numberOfValue[value]++ === 0) used.push(value);
      }
    }
    for (let at = from; at < used.length; at++)
      numberOfValue[used[at]] = numberOfValue[used[at]] > itemsMax ? capOf.push(cap) : 0;
  }
  const start = new Uint32Array(items.length + 1);
  const list: number[] = [];
  for (let row = 0; row < items.length; row++) {
    for (let cap = 0; cap < caps.length; cap++) {
      const count = caps[cap].counted[row] === 0 ? 0 : lengthOf(caps[cap], items[row]);
      for (let i = 0; i < count; i++) {
        const number = numberOfValue[first[cap] + valueAt(caps[cap], items[row], i)];
        if (number > 0) list.push(number - 1);
      }
    }
    start[row + 1] = list.length;
  }
  for (const value of used) numberOfValue[value] = 0;
  return { start, list };
}

/** Where the values of each cap begin in `numberOfValue`, which has room for all. */
function firstValues(caps: readonly RowCap[]): number[] {
  const first: number[] = [];
  let end = 0;
  for (const { values } of caps) {
    first.push(end);
    end += values?.count ?? 1;
  }
  if (end > numberOfValue.length) numberOfValue = new Uint32Array(end * 2);
  return first;
}

function lengthOf({ values }: RowCap, item: number): number {
  return values === undefined ? 1 : values.lengthOf(item);
}

function valueAt({ values }: RowCap, item: number, i: number): number {
  return values === undefined ? 0 : values.at(item, i);
}
