import { z } from 'zod';
import { packArrays, unpackArrays } from '../arrays.ts';
import { type Candidates, Columns } from '../columns.ts';

const KIND = 'item-counters';

/** How often each item was taken up, shown and clicked: one immutable version, counts by ordinal. */
export class ItemCounters {
  static readonly none: ItemCounters = new ItemCounters(
    0,
    new Float32Array(0),
    new Float32Array(0),
    new Float32Array(0),
  );

  /** The log offset up to which events are counted, exclusive. */
  readonly version: number;
  readonly positive: Float32Array;
  readonly impression: Float32Array;
  readonly click: Float32Array;

  constructor(version: number, positive: Float32Array, impression: Float32Array, click: Float32Array) {
    this.version = version;
    this.positive = positive;
    this.impression = impression;
    this.click = click;
  }

  /** The version after `pages` of changes: items with their new counts, the others unchanged, or 0 if the changes are `complete`. */
  updated(pages: readonly Candidates[], version: number, complete: boolean): ItemCounters {
    let size = complete ? 0 : this.positive.length;
    for (const { items } of pages) for (const item of items) size = Math.max(size, item + 1);
    const next = (name: string, old: Float32Array): Float32Array => {
      const values = new Float32Array(size);
      if (!complete) values.set(old);
      for (const page of pages) {
        const changed = page.column(name);
        for (let row = 0; row < page.count; row++) values[page.items[row]] = changed[row];
      }
      return values;
    };
    return new ItemCounters(
      version,
      next(Columns.countPositive, this.positive),
      next(Columns.countImpression, this.impression),
      next(Columns.countClick, this.click),
    );
  }

  serialise(): Uint8Array {
    const { version, positive, impression, click } = this;
    return packArrays(KIND, { version }, { positive, impression, click });
  }

  /** BUNDLE_DAMAGED, naming what is wrong with the bytes. */
  static read(bytes: Uint8Array): ItemCounters {
    const part = unpackArrays(bytes, KIND);
    const { version } = part.meta(z.object({ version: z.number() }));
    const positive = part.array('positive', 'f32');
    const { length } = positive;
    return new ItemCounters(
      version,
      positive,
      part.array('impression', 'f32', length),
      part.array('click', 'f32', length),
    );
  }
}
