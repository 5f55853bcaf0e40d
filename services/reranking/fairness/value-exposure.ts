import type { ItemValues } from '../../../common/catalogue/item-values.ts';
import { DecayedCounts } from './decayed-counts.ts';

/** Slots held by each value of a field (each provider), fading. */
export class ValueExposure {
  readonly #values: ItemValues;
  readonly #slots: DecayedCounts;

  /** `halfLife`: in slots. */
  constructor(values: ItemValues, halfLife: number) {
    this.#values = values;
    this.#slots = new DecayedCounts(halfLife);
  }

  /** The items were shown, in a slot each. */
  record(items: Uint32Array): void {
    const values = this.#values;
    for (const item of items)
      for (let i = 0; i < values.lengthOf(item); i++) this.#slots.add(values.at(item, i));
  }

  /** The value's share of the slots over its share of the items; 1 before anything was shown. */
  relative(value: number): number {
    if (this.#slots.isEmpty) return 1;
    const { entries } = this.#values;
    return (this.#slots.share(value) * entries) / this.#values.itemCount(value);
  }
}
