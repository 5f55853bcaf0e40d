import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { ItemValues } from '../../common/catalogue/item-values.ts';
import { numberOf, wordsOf } from '../../common/features/attribute-values.ts';
import { FAILED } from '../../common/features/readers.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';
import { ItemNumbers } from './item-numbers.ts';

/** The field of an item's categories; any other name is that of an attribute. */
const CATEGORIES = 'categories';

const VALUES_MAX = 255;

/** What is known of the catalogue's items by ordinal, in forms that requests can compute with; follows the catalogue. */
export class ItemFields {
  /** Start of availability, ms since the Unix epoch; NaN: none. */
  readonly startMs = new ItemNumbers();
  readonly #catalogue: Catalogue;
  readonly #values = new Map<string, ItemValues>();
  readonly #numbers = new Map<string, ItemNumbers>();
  readonly #stop: () => void;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
    const setStart = (ordinal: number): void =>
      this.startMs.set(ordinal, catalogue.item(ordinal)?.availableFromMs || Number.NaN);
    for (let ordinal = 0; ordinal < catalogue.size; ordinal++) setStart(ordinal);
    this.#stop = catalogue.onChange((ordinal) => {
      setStart(ordinal);
      const item = catalogue.item(ordinal);
      for (const [name, values] of this.#values) values.set(ordinal, valuesOf(item, name));
      for (const [name, numbers] of this.#numbers) numbers.set(ordinal, attributeOf(item, name));
    });
  }

  /**
   * The values of `categories` or of an attribute: words, or a number as it is written; the first 255 of an item. The first
   * call for a field reads the whole catalogue.
   */
  values(name: string): ItemValues {
    return this.#column(this.#values, name, () => new ItemValues(), valuesOf);
  }

  /** The numbers of an attribute, NaN where it is none. The first call for an attribute reads the whole catalogue. */
  numbers(name: string): ItemNumbers {
    return this.#column(this.#numbers, name, () => new ItemNumbers(), attributeOf);
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
  }

  #column<V, C extends { set(ordinal: number, value: V): void }>(
    columns: Map<string, C>,
    name: string,
    make: () => C,
    read: (item: Item | undefined, name: string) => V,
  ): C {
    let column = columns.get(name);
    if (column === undefined) {
      column = make();
      for (let ordinal = 0; ordinal < this.#catalogue.size; ordinal++)
        column.set(ordinal, read(this.#catalogue.item(ordinal), name));
      columns.set(name, column);
    }
    return column;
  }
}

function valuesOf(item: Item | undefined, name: string): readonly string[] {
  if (item === undefined) return [];
  const values = name === CATEGORIES ? item.categories : wordsOf(item.attributes, [name]);
  return values === FAILED ? [] : values.slice(0, VALUES_MAX);
}

function attributeOf(item: Item | undefined, name: string): number {
  const value = item === undefined ? FAILED : numberOf(item.attributes, [name]);
  return value === FAILED ? Number.NaN : value;
}
