import type { ItemValues } from '../../../common/catalogue/item-values.ts';
import { Columns } from '../../../common/columns.ts';
import type { Objective, ObjectiveRows } from '../objectives/objective.ts';
import { relevance } from '../objectives/relevance.ts';

/** Names what the values are; another meaning needs another name. */
export const ITEM_CONTEXT = 'item.v1';
/** Values of a context. */
export const ITEM_CONTEXT_LENGTH = 10;
/** The rows that stand for what this person likes. */
const TASTE_ROWS = 5;

/** What contexts are made of. */
export interface ItemContextParts {
  readonly categories: ItemValues;
  readonly freshness: Objective;
  readonly novelty: Objective;
}

/**
 * What a bandit sees of an item in a slot, for this person now: 1; relevance, its place in the shortlist and its fused retrieval rank,
 * all three from 0 to 1; freshness and novelty as the objectives have them; the slot; the share of its categories that the best ranked
 * rows have too; relevance times freshness and times novelty. Memory is reused from request to request.
 */
export class ItemContexts {
  readonly #parts: ItemContextParts;
  #rows: ObjectiveRows | undefined;
  #relevance = new Float64Array(0);
  #freshness = new Float64Array(0);
  #novelty = new Float64Array(0);
  #fused: Float32Array | undefined;
  #fusedMax = 0;

  constructor(parts: ItemContextParts) {
    this.#parts = parts;
  }

  /** The rows of the shortlist, best first, that `write` speaks of. */
  begin(rows: ObjectiveRows): void {
    const count = rows.items.length;
    this.#rows = rows;
    if (this.#relevance.length < count) {
      this.#relevance = new Float64Array(count);
      this.#freshness = new Float64Array(count);
      this.#novelty = new Float64Array(count);
    }
    relevance.write(rows, this.#relevance);
    this.#parts.freshness.write(rows, this.#freshness);
    this.#parts.novelty.write(rows, this.#novelty);
    this.#fused = rows.column(Columns.rrf);
    this.#fusedMax = 0;
    if (this.#fused !== undefined)
      for (let row = 0; row < count; row++) this.#fusedMax = Math.max(this.#fusedMax, this.#fused[row]);
  }

  /** Writes the context of a row in a slot from `at` on. */
  write(row: number, slot: number, out: Float32Array, at: number): void {
    const value = this.#relevance[row];
    out[at] = 1;
    out[at + 1] = value;
    out[at + 2] = 1 / Math.log2(2 + row);
    out[at + 3] = this.#fused === undefined || this.#fusedMax <= 0 ? 0 : this.#fused[row] / this.#fusedMax;
    out[at + 4] = this.#freshness[row];
    out[at + 5] = this.#novelty[row];
    out[at + 6] = 1 / Math.log2(2 + slot);
    out[at + 7] = this.#likeness(row);
    out[at + 8] = value * this.#freshness[row];
    out[at + 9] = value * this.#novelty[row];
  }

  #likeness(row: number): number {
    const { categories } = this.#parts;
    const items = this.#rows?.items ?? new Uint32Array(0);
    const item = items[row];
    const length = categories.lengthOf(item);
    if (length === 0) return 0;
    let alike = 0;
    for (let i = 0; i < length; i++) if (this.#hasAmongBest(items, categories.at(item, i))) alike++;
    return alike / length;
  }

  #hasAmongBest(items: Uint32Array, value: number): boolean {
    const { categories } = this.#parts;
    for (let row = 0; row < Math.min(TASTE_ROWS, items.length); row++)
      for (let i = 0; i < categories.lengthOf(items[row]); i++)
        if (categories.at(items[row], i) === value) return true;
    return false;
  }
}
