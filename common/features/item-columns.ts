import type { Item } from '../../gen/millrace/features/v1/features.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { ItemCategories } from '../catalogue/item-categories.ts';

const YEAR_ATTRIBUTES = ['year', 'release_year'];

/** What features know of items: typed columns by ordinal that follow the catalogue. */
export class ItemColumns {
  readonly categories = new ItemCategories();
  #year = new Float32Array(0);
  #availableFromMs = new Float64Array(0);
  readonly #stop: () => void;

  constructor(catalogue: Catalogue) {
    for (let ordinal = 0; ordinal < catalogue.size; ordinal++) this.#set(ordinal, catalogue.item(ordinal));
    this.#stop = catalogue.onChange((ordinal) => this.#set(ordinal, catalogue.item(ordinal)));
  }

  /** Year of release from the attribute `year` or `release_year`; NaN: missing. */
  year(ordinal: number): number {
    return ordinal < this.#year.length ? this.#year[ordinal] : Number.NaN;
  }

  /** Start of availability, milliseconds since the Unix epoch; NaN: missing. */
  availableFromMs(ordinal: number): number {
    return ordinal < this.#availableFromMs.length ? this.#availableFromMs[ordinal] : Number.NaN;
  }

  /** No longer follows the catalogue. */
  close(): void {
    this.#stop();
  }

  #set(ordinal: number, item: Item | undefined): void {
    if (ordinal >= this.#year.length) this.#grow(ordinal + 1);
    this.categories.set(ordinal, item?.categories ?? []);
    this.#year[ordinal] = item === undefined ? Number.NaN : yearOf(item);
    this.#availableFromMs[ordinal] = item?.availableFromMs || Number.NaN;
  }

  #grow(size: number): void {
    const length = Math.max(size, this.#year.length * 2, 1024);
    const year = new Float32Array(length).fill(Number.NaN);
    const from = new Float64Array(length).fill(Number.NaN);
    year.set(this.#year);
    from.set(this.#availableFromMs);
    this.#year = year;
    this.#availableFromMs = from;
  }
}

function yearOf({ attributes }: Item): number {
  for (const name of YEAR_ATTRIBUTES) {
    const value = attributes[name];
    const year = value?.number ?? Number(value?.text || Number.NaN);
    if (year > 0 && year < 10_000) return year;
  }
  return Number.NaN;
}
