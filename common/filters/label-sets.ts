import type { OrdinalSet } from '../ordinal-set.ts';
import { grownTo } from './grown.ts';

/** The number of an item without labels. */
export const NO_LABELS = 0;

/**
 * A set of labels for each item. Equal sets are kept once, numbered from 1; an item holds its set's number, so that a row costs
 * one array read and one look into the numbers that a request asks for, however many labels there are.
 */
export class LabelSets {
  #setOf = new Uint32Array(0);
  readonly #sets = new Map<string, number>();
  readonly #setsWith = new Map<string, number[]>();

  /** Whether no item was ever given labels. */
  get isEmpty(): boolean {
    return this.#sets.size === 0;
  }

  /** `labels`: in any order. Sets anew what was set before. */
  set(ordinal: number, labels: readonly string[]): void {
    if (ordinal >= this.#setOf.length) {
      if (labels.length === 0) return;
      this.#setOf = grownTo(this.#setOf, ordinal + 1);
    }
    this.#setOf[ordinal] = labels.length === 0 ? NO_LABELS : this.#numberOf(labels);
  }

  /** The number of the item's set; NO_LABELS also where it was never set. */
  setOf(ordinal: number): number {
    return ordinal < this.#setOf.length ? this.#setOf[ordinal] : NO_LABELS;
  }

  /** Adds to `numbers` those of the sets that contain one of the labels. */
  collect(labels: readonly string[], numbers: OrdinalSet): void {
    for (const label of labels) for (const number of this.#setsWith.get(label) ?? []) numbers.add(number);
  }

  #numberOf(labels: readonly string[]): number {
    const sorted = [...new Set(labels)].sort();
    const key = JSON.stringify(sorted);
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    const number = this.#sets.size + 1;
    this.#sets.set(key, number);
    for (const label of sorted) {
      const numbers = this.#setsWith.get(label);
      if (numbers === undefined) this.#setsWith.set(label, [number]);
      else numbers.push(number);
    }
    return number;
  }
}
