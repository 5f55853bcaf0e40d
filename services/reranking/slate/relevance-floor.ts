import type { SlateConstraint } from './slate-constraint.ts';

/** Rounding that a sum of normalised relevances may have. */
const SLACK = 1e-9;

/**
 * At most a share of the relevance lost: over the positions that the objectives fill, the sum of relevance is at least
 * (1 − loss) times the best that they could have had. What pins and draws put into the slate loses nothing. A row is admitted
 * where the best of what is left could still make it up.
 */
export class RelevanceFloor implements SlateConstraint {
  readonly name = 'relevance';
  readonly authority = 'objective';
  readonly #relevance: Float64Array;
  readonly #kept: number;
  readonly #byRelevance: Uint32Array;
  readonly #taken: Uint8Array;
  #free = 0;
  /** What the rows placed have, and what all are to have in the end; the latter NaN before the first position is opened. */
  #sum = 0;
  #target = Number.NaN;
  #isOpen = false;
  #least = 0;

  /** `relevance`: one a row, 0 to 1. `lossMax`: 0 to 1. */
  constructor(relevance: Float64Array, lossMax: number) {
    this.#relevance = relevance;
    this.#kept = 1 - lossMax;
    this.#byRelevance = Uint32Array.from(relevance.keys()).sort((a, b) => relevance[b] - relevance[a]);
    this.#taken = new Uint8Array(relevance.length);
  }

  begin(_items: Uint32Array, size: number): void {
    this.#free = size;
    this.#sum = 0;
    this.#target = Number.NaN;
    this.#isOpen = false;
    this.#taken.fill(0);
  }

  open(): boolean {
    const others = this.#bestOf(this.#free - 1);
    if (Number.isNaN(this.#target)) this.#target = this.#sum + this.#kept * (others.sum + others.next);
    this.#least = Math.min(this.#target - this.#sum - others.sum, others.next) - SLACK;
    this.#isOpen = true;
    return true;
  }

  admits(row: number): boolean {
    return this.#relevance[row] >= this.#least;
  }

  place(row: number): void {
    const own = this.#relevance[row];
    if (!this.#isOpen && !Number.isNaN(this.#target))
      this.#target += own - this.#kept * Math.max(own, this.#bestOf(this.#free - 1).next);
    this.#isOpen = false;
    this.#taken[row] = 1;
    this.#free--;
    this.#sum += own;
  }

  /** The sum of the `count` best rows that are not placed, and the one after them. */
  #bestOf(count: number): { sum: number; next: number } {
    let sum = 0;
    let left = count;
    for (const row of this.#byRelevance) {
      if (this.#taken[row] === 1) continue;
      if (left-- === 0) return { sum, next: this.#relevance[row] };
      sum += this.#relevance[row];
    }
    return { sum, next: 0 };
  }
}
