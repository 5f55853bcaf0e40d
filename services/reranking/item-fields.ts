import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { ItemValues } from '../../common/catalogue/item-values.ts';
import { wordsOf } from '../../common/features/attribute-values.ts';
import { FAILED } from '../../common/features/readers.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';

/** The field of an item's categories; any other name is that of an attribute. */
const CATEGORIES = 'categories';

const VALUES_MAX = 255;

/** What is known of the catalogue's items by ordinal, in forms that requests can compute with; follows the catalogue. */
export class ItemFields {
  readonly #catalogue: Catalogue;
  readonly #fields = new Map<string, ItemValues>();
  readonly #stop: () => void;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
    this.#stop = catalogue.onChange((ordinal) => {
      for (const [name, values] of this.#fields) values.set(ordinal, valuesOf(catalogue.item(ordinal), name));
    });
  }

  /**
   * The values of `categories` or of an attribute: words, or a number as it is written; the first 255 of an item. The first
   * call for a field reads the whole catalogue.
   */
  values(name: string): ItemValues {
    let values = this.#fields.get(name);
    if (values === undefined) {
      values = new ItemValues();
      for (let ordinal = 0; ordinal < this.#catalogue.size; ordinal++)
        values.set(ordinal, valuesOf(this.#catalogue.item(ordinal), name));
      this.#fields.set(name, values);
    }
    return values;
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
  }
}

function valuesOf(item: Item | undefined, name: string): readonly string[] {
  if (item === undefined) return [];
  const values = name === CATEGORIES ? item.categories : wordsOf(item.attributes, [name]);
  return values === FAILED ? [] : values.slice(0, VALUES_MAX);
}
