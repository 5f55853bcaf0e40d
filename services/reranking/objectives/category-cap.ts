import type { ItemCategories } from '../../../common/catalogue/item-categories.ts';
import type { SlateConstraint } from './slate-constraint.ts';

export interface CategoryCapOptions {
  /** The most items of one category in a window; 1 or more. An item of several categories counts for each. */
  readonly itemsMax: number;
  /** Length of the window: every run of so many consecutive positions is limited. 0: the whole slate is one window. */
  readonly window: number;
}

/**
 * At most `itemsMax` items of a category in every window of the slate. Asked during the greedy choice: when a position is
 * opened the categories that are full there are marked once, and each row is then checked against the marks. Where no row would
 * do, the selector fills the position regardless. Pins are placed as they are and count.
 */
export class CategoryCap implements SlateConstraint {
  readonly #categories: ItemCategories;
  readonly #itemsMax: number;
  readonly #window: number;
  #items: Uint32Array = new Uint32Array(0);
  #size = 0;
  #placed = new Int32Array(0);
  #counts = new Uint16Array(0);
  #full = new Uint8Array(0);

  constructor(categories: ItemCategories, options: CategoryCapOptions) {
    this.#categories = categories;
    this.#itemsMax = options.itemsMax;
    this.#window = options.window;
  }

  begin(items: Uint32Array, size: number): void {
    this.#items = items;
    this.#size = size;
    if (this.#placed.length < size) this.#placed = new Int32Array(size);
    this.#placed.fill(-1);
    if (this.#counts.length < this.#categories.count) {
      this.#counts = new Uint16Array(this.#categories.count * 2);
      this.#full = new Uint8Array(this.#categories.count * 2);
    }
  }

  open(position: number): void {
    this.#full.fill(0);
    const length = this.#window === 0 ? this.#size : Math.min(this.#window, this.#size);
    const first = Math.max(0, position - length + 1);
    const last = Math.min(position, this.#size - length);
    for (let at = first; at < first + length; at++) this.#count(at, 1);
    for (let start = first; ; start++) {
      for (let at = start; at < start + length; at++) this.#markFull(at);
      if (start === last) break;
      this.#count(start, -1);
      this.#count(start + length, 1);
    }
    this.#counts.fill(0);
  }

  admits(row: number): boolean {
    const item = this.#items[row];
    for (let i = 0; i < this.#categories.lengthOf(item); i++) {
      if (this.#full[this.#categories.at(item, i)] === 1) return false;
    }
    return true;
  }

  place(row: number, position: number): void {
    this.#placed[position] = row;
  }

  #count(position: number, change: number): void {
    if (this.#placed[position] < 0) return;
    const item = this.#items[this.#placed[position]];
    for (let i = 0; i < this.#categories.lengthOf(item); i++)
      this.#counts[this.#categories.at(item, i)] += change;
  }

  #markFull(position: number): void {
    if (this.#placed[position] < 0) return;
    const item = this.#items[this.#placed[position]];
    for (let i = 0; i < this.#categories.lengthOf(item); i++) {
      const category = this.#categories.at(item, i);
      if (this.#counts[category] >= this.#itemsMax) this.#full[category] = 1;
    }
  }
}
