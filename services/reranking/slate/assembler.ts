import type { Selector, Utilities } from './selector.ts';
import type { Similarity } from './similarity.ts';
import { AUTHORITIES, type Authority, type SlateConstraint } from './slate-constraint.ts';
import type { SlotExplorer } from './slot-explorer.ts';

/** What a slate is made of. */
export interface SlateOrder extends Utilities {
  /** The row pinned to each position, -1 for none, shorter than the slate or not; no row twice. */
  readonly pins?: Int32Array;
  readonly constraints?: readonly SlateConstraint[];
  readonly explorer?: SlotExplorer | undefined;
}

/** A constraint that could not be met, and at how many positions. */
export interface Unmet {
  readonly constraint: string;
  readonly slots: number;
}

/** A slate: rows in the order to show. Valid until the next one is assembled. */
export interface Slate {
  readonly rows: Uint32Array;
  /** The probability of each row in its slot, given the earlier slots; 1 where nothing was drawn. */
  readonly propensities: Float32Array;
  readonly unmet: readonly Unmet[];
}

/**
 * Fills the slots of a slate one after the other, by falling authority: a pinned row stands where it is pinned and counts for
 * everything from the start; else the rows left are narrowed by the rules' constraints, then by exploration's; a slot that
 * explores is drawn from what remains; any other is narrowed by the objectives' constraints and taken by the selector.
 * A constraint that no row left satisfies is passed over, because a shorter list helps nobody, and reported. The slate is
 * shorter than asked only where rows run out; then later pins move up. Memory is reused: one slate at a time.
 */
export class SlateAssembler {
  #free = new Uint32Array(0);
  #freeCount = 0;
  #eligible = new Uint32Array(0);
  #narrowed = new Uint32Array(0);
  #eligibleCount = 0;
  #rows = new Uint32Array(0);
  #propensities = new Float32Array(0);
  #byAuthority: Record<Authority, SlateConstraint[]> = { rule: [], exploration: [], objective: [] };
  readonly #unmet = new Map<string, number>();

  /** The best `limit` rows by the selector, or as many as there are. `similarity` speaks of the order's rows. */
  assemble(order: SlateOrder, selector: Selector, similarity: Similarity, limit: number): Slate {
    const { items, pins, explorer } = order;
    const size = Math.min(limit, items.length);
    this.#begin(order, size);
    selector.begin(order, size, similarity);
    const pinned = (position: number): number =>
      pins !== undefined && position < pins.length ? pins[position] : -1;
    for (let position = 0; position < size; position++)
      if (pinned(position) >= 0) this.#place(pinned(position), position, selector);
    const explored = explorer?.slots(size) ?? NO_SLOTS;
    let length = 0;
    for (let position = 0; position < size; position++) {
      let row = pinned(position);
      let probability = 1;
      if (row < 0) {
        if (this.#freeCount === 0) continue;
        this.#openSlot(position);
        const draw = explored.includes(position) ? explorer?.draw(position, this.#eligibleRows()) : undefined;
        if (draw !== undefined) ({ row, probability } = draw);
        else {
          this.#narrow('objective', position);
          row = selector.next(this.#eligibleRows());
        }
        this.#place(row, position, selector);
      }
      this.#rows[length] = row;
      this.#propensities[length++] = probability;
    }
    return {
      rows: this.#rows.subarray(0, length),
      propensities: this.#propensities.subarray(0, length),
      unmet: Array.from(this.#unmet, ([constraint, slots]) => ({ constraint, slots })),
    };
  }

  #begin({ items, constraints }: SlateOrder, size: number): void {
    if (this.#free.length < items.length) {
      this.#free = new Uint32Array(items.length);
      this.#eligible = new Uint32Array(items.length);
      this.#narrowed = new Uint32Array(items.length);
    }
    if (this.#rows.length < size) {
      this.#rows = new Uint32Array(size);
      this.#propensities = new Float32Array(size);
    }
    this.#freeCount = items.length;
    for (let row = 0; row < items.length; row++) this.#free[row] = row;
    this.#unmet.clear();
    for (const authority of AUTHORITIES) this.#byAuthority[authority].length = 0;
    if (constraints === undefined) return;
    for (const constraint of constraints) {
      this.#byAuthority[constraint.authority].push(constraint);
      constraint.begin(items, size);
    }
  }

  /** Leaves the rows that rules and exploration admit. */
  #openSlot(position: number): void {
    this.#eligible.set(this.#free.subarray(0, this.#freeCount));
    this.#eligibleCount = this.#freeCount;
    this.#narrow('rule', position);
    this.#narrow('exploration', position);
  }

  #eligibleRows(): Uint32Array {
    return this.#eligible.subarray(0, this.#eligibleCount);
  }

  #narrow(authority: Authority, position: number): void {
    for (const constraint of this.#byAuthority[authority]) {
      if (!constraint.open(position)) continue;
      const eligible = this.#eligible;
      const narrowed = this.#narrowed;
      let count = 0;
      for (let at = 0; at < this.#eligibleCount; at++)
        if (constraint.admits(eligible[at])) narrowed[count++] = eligible[at];
      if (count === 0) {
        this.#unmet.set(constraint.name, (this.#unmet.get(constraint.name) ?? 0) + 1);
        continue;
      }
      this.#eligible = narrowed;
      this.#narrowed = eligible;
      this.#eligibleCount = count;
    }
  }

  #place(row: number, position: number, selector: Selector): void {
    const at = this.#free.subarray(0, this.#freeCount).indexOf(row);
    this.#free.copyWithin(at, at + 1, this.#freeCount--);
    for (const authority of AUTHORITIES)
      for (const constraint of this.#byAuthority[authority]) constraint.place(row, position);
    if (this.#freeCount > 0) selector.place(row);
  }
}

const NO_SLOTS: readonly number[] = [];
