import { z } from 'zod';
import { packArrays, unpackArrays } from '../arrays.ts';
import { Candidates, countColumn } from '../columns.ts';
import { type ItemCounter, itemCounters } from './item-reducers.ts';

const KIND = 'item-counters';
const NONE = new Float32Array(0);

/** Counters by ordinal; an item beyond a column's end has 0, as has every item of a column that is not there. */
export type CounterColumns = Readonly<Partial<Record<ItemCounter, Float32Array>>>;

/** What has happened with each item: one immutable version of the columns of `ITEM_REDUCERS`. */
export class ItemCounters {
  static readonly none: ItemCounters = new ItemCounters(0, {});

  /** The log offset up to which events are counted, exclusive. */
  readonly version: number;
  readonly #columns: CounterColumns;

  constructor(version: number, columns: CounterColumns) {
    this.version = version;
    this.#columns = columns;
  }

  /** One column; what it does not reach is 0 (`countOf`). */
  column(name: ItemCounter): Float32Array {
    return this.#columns[name] ?? NONE;
  }

  /** The columns that are not empty, as rows of all items up to the longest one's end. */
  rows(): Candidates {
    const names = itemCounters.filter((name) => this.column(name).length > 0);
    const size = names.reduce((longest, name) => Math.max(longest, this.column(name).length), 0);
    const columns = names.map((name) => {
      const values = new Float32Array(size);
      values.set(this.column(name));
      return [countColumn(name), values] as const;
    });
    const items = new Uint32Array(size);
    for (let item = 0; item < size; item++) items[item] = item;
    return new Candidates(items, new Map(columns));
  }

  /**
   * The version after `pages` of changes: items with their new counts, the others unchanged, or 0 if the changes are `complete`. A column
   * that a page does not have is unchanged.
   */
  updated(pages: readonly Candidates[], version: number, complete: boolean): ItemCounters {
    let size = 0;
    for (const { items } of pages) for (const item of items) size = Math.max(size, item + 1);
    const columns: Partial<Record<ItemCounter, Float32Array>> = {};
    for (const name of itemCounters) {
      const old = complete ? NONE : this.column(name);
      const having = pages.filter((page) => page.columns.has(countColumn(name)));
      if (having.length === 0) {
        columns[name] = old;
        continue;
      }
      const values = new Float32Array(Math.max(size, old.length));
      values.set(old);
      for (const page of having) {
        const changed = page.column(countColumn(name));
        for (let row = 0; row < page.count; row++) values[page.items[row]] = changed[row];
      }
      columns[name] = values;
    }
    return new ItemCounters(version, columns);
  }

  serialise(): Uint8Array {
    const arrays = itemCounters.map((name) => [name, this.column(name)] as const);
    return packArrays(KIND, { version: this.version }, Object.fromEntries(arrays));
  }

  /** BUNDLE_DAMAGED, naming what is wrong with the bytes. */
  static read(bytes: Uint8Array): ItemCounters {
    const part = unpackArrays(bytes, KIND);
    const { version } = part.meta(z.object({ version: z.number() }));
    const columns = itemCounters.map((name) => [name, part.array(name, 'f32')] as const);
    return new ItemCounters(version, Object.fromEntries(columns));
  }
}

/** An item's count in a column. */
export function countOf(counts: Float32Array, item: number): number {
  return item < counts.length ? counts[item] : 0;
}
