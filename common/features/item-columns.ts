import type { Item } from '../../gen/millrace/features/v1/features.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { ItemValues } from '../catalogue/item-values.ts';
import { numberOf } from './attribute-values.ts';
import { FAILED, type Failed, type Words } from './readers.ts';

/** Words of an item that its column holds, at most. */
const WORDS_MAX = 255;

/** A number an item, by ordinal. */
class ItemNumbers {
  #values = new Float64Array(0);
  /** Ordinals whose value is not a number. */
  readonly failed = new Set<number>();

  /** NaN: missing or failed. */
  at(ordinal: number): number {
    return ordinal < this.#values.length ? this.#values[ordinal] : Number.NaN;
  }

  set(ordinal: number, value: number | Failed): void {
    if (ordinal >= this.#values.length) {
      const larger = new Float64Array(Math.max(ordinal + 1, this.#values.length * 2, 1024)).fill(Number.NaN);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[ordinal] = value === FAILED ? Number.NaN : value;
    if (value === FAILED) this.failed.add(ordinal);
    else if (this.failed.size > 0) this.failed.delete(ordinal);
  }
}

type Listener = (ordinal: number, item: Item | undefined) => void;

/** What features know of items: typed columns by ordinal that follow the catalogue. */
export class ItemColumns {
  readonly categories: ItemValues;
  /** Of release, from the attribute `year` or `release_year`. */
  readonly years: ItemNumbers;
  /** Start of availability, milliseconds since the Unix epoch. */
  readonly availableFromMs: ItemNumbers;
  readonly #catalogue: Catalogue;
  readonly #listeners = new Set<Listener>();
  readonly #numbers = new Map<string, ItemNumbers>();
  readonly #words = new Map<string, ItemValues>();
  readonly #stop: () => void;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
    this.#stop = catalogue.onChange((ordinal) => {
      const item = catalogue.item(ordinal);
      for (const listener of this.#listeners) listener(ordinal, item);
    });
    this.categories = this.words('categories', ({ categories }) => categories);
    this.years = this.numbers('year', yearOf);
    this.availableFromMs = this.numbers('available_from_ms', (item) => item.availableFromMs || Number.NaN);
  }

  /** The column of that name, made with `read` where there is none yet. */
  numbers(name: string, read: (item: Item) => number | Failed): ItemNumbers {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const column = new ItemNumbers();
    this.#numbers.set(name, column);
    this.follow((ordinal, item) => column.set(ordinal, item === undefined ? Number.NaN : read(item)));
    return column;
  }

  /** The words of that name, numbered, made with `read` where there are none yet; of an item's different ones the first 255. */
  words(name: string, read: (item: Item) => Words): ItemValues {
    const known = this.#words.get(name);
    if (known !== undefined) return known;
    const column = new ItemValues();
    this.#words.set(name, column);
    this.follow((ordinal, item) => {
      const words = item === undefined ? [] : read(item);
      const kept = words === FAILED ? [] : words.length > WORDS_MAX ? words.slice(0, WORDS_MAX) : words;
      column.set(ordinal, kept);
    });
    return column;
  }

  /** Calls `listener` with every item now and with each that changes, undefined where it is deleted, until the function returned is called. */
  follow(listener: Listener): () => void {
    for (let ordinal = 0; ordinal < this.#catalogue.size; ordinal++)
      listener(ordinal, this.#catalogue.item(ordinal));
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
  }
}

/** The year of release; NaN where the attribute is absent or names none, as `unknown`. */
export function yearOf({ attributes }: Item): number {
  const year = numberOf(attributes, ['year', 'release_year']);
  return year !== FAILED && year > 0 && year < 10_000 ? year : Number.NaN;
}
