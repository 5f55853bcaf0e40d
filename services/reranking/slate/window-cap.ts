import type { ItemValues } from '../../../common/catalogue/item-values.ts';
import type { Authority, SlateConstraint } from './slate-constraint.ts';

export interface WindowCapOptions {
  readonly name: string;
  readonly authority: Authority;
  /** The most items of one value in a window; 1 or more. An item of several values counts for each. */
  readonly itemsMax: number;
  /** Length of the window: every run of so many consecutive positions is limited. 0: the whole slate is one window. */
  readonly window: number;
}

/**
 * At most `itemsMax` items of one value of a field (a category, a creator) in every window of the slate. When a position is
 * opened the values that are full there are marked once, and each row is then checked against the marks. Pins count.
 */
export class WindowCap implements SlateConstraint {
  readonly name: string;
  readonly authority: Authority;
  readonly #values: ItemValues;
  readonly #itemsMax: number;
  readonly #window: number;
  #items: Uint32Array = new Uint32Array(0);
  #size = 0;
  #placed = new Int32Array(0);
  #counts = new Uint16Array(0);
  #full = new Uint8Array(0);
  #anyFull = false;

  constructor(values: ItemValues, options: WindowCapOptions) {
    this.name = options.name;
    this.authority = options.authority;
    this.#values = values;
    this.#itemsMax = options.itemsMax;
    this.#window = options.window;
  }

  begin(items: Uint32Array, size: number): void {
    this.#items = items;
    this.#size = size;
    if (this.#placed.length < size) this.#placed = new Int32Array(size);
    this.#placed.fill(-1);
    if (this.#counts.length < this.#values.count) {
      this.#counts = new Uint16Array(this.#values.count * 2);
      this.#full = new Uint8Array(this.#values.count * 2);
    } else this.#full.fill(0);
  }

  open(position: number): boolean {
    for (let at = 0; at < this.#size; at++) this.#mark(at, 0);
    this.#anyFull = false;
    const length = this.#window === 0 ? this.#size : Math.min(this.#window, this.#size);
    const first = Math.max(0, position - length + 1);
    const last = Math.min(position, this.#size - length);
    for (let at = first; at < first + length; at++) this.#count(at, 1);
    for (let start = first; start <= last; start++) {
      for (let at = start; at < start + length; at++) this.#mark(at, this.#itemsMax);
      this.#count(start, -1);
      if (start < last) this.#count(start + length, 1);
    }
    for (let at = last + 1; at < last + length; at++) this.#count(at, -1);
    return this.#anyFull;
  }

  admits(row: number): boolean {
    const item = this.#items[row];
    for (let i = 0; i < this.#values.lengthOf(item); i++) {
      if (this.#full[this.#values.at(item, i)] === 1) return false;
    }
    return true;
  }

  place(row: number, position: number): void {
    this.#placed[position] = row;
  }

  #count(position: number, change: number): void {
    if (this.#placed[position] < 0) return;
    const item = this.#items[this.#placed[position]];
    for (let i = 0; i < this.#values.lengthOf(item); i++) this.#counts[this.#values.at(item, i)] += change;
  }

  /** Marks the values of the position's row that have `itemsMax`; 0: unmarks them. */
  #mark(position: number, itemsMax: number): void {
    if (this.#placed[position] < 0) return;
    const item = this.#items[this.#placed[position]];
    for (let i = 0; i < this.#values.lengthOf(item); i++) {
      const value = this.#values.at(item, i);
      if (itemsMax === 0) this.#full[value] = 0;
      else if (this.#counts[value] >= itemsMax) {
        this.#full[value] = 1;
        this.#anyFull = true;
      }
    }
  }
}
