import type { Random } from '../random.ts';
import type { InteractionMatrix } from './interactions.ts';

/** Draws of an item that the user does not have before one that they have is let pass as an example of nothing. */
const DRAWS_MAX = 20;

const URN_SIZE = 1 << 20;

/** Draws items that a row of the matrix does not have. */
export class NegativeSampler {
  readonly #offsets: Uint32Array;
  /** Columns of each row, ascending. */
  readonly #sorted: Uint32Array;
  /** Items to draw from, uniformly: every item, or with repeats a sample of the wanted distribution. */
  readonly #urn: Uint32Array;
  readonly #random: Random;

  /** An item is drawn in proportion to (its interactions + 1)^exponent; exponent 0 is uniform. */
  constructor(matrix: InteractionMatrix, exponent: number, random: Random) {
    const { offsets, columns, rowCount } = matrix;
    this.#offsets = offsets;
    this.#sorted = columns.slice();
    for (let row = 0; row < rowCount; row++) this.#sorted.subarray(offsets[row], offsets[row + 1]).sort();
    this.#urn = urn(matrix, exponent);
    this.#random = random;
  }

  /** −1 where `DRAWS_MAX` draws met only the row's own items. */
  draw(row: number): number {
    for (let i = 0; i < DRAWS_MAX; i++) {
      const item = this.#urn[this.#random.int(this.#urn.length)];
      if (!this.#has(row, item)) return item;
    }
    return -1;
  }

  #has(row: number, item: number): boolean {
    let low = this.#offsets[row];
    let high = this.#offsets[row + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle] < item) low = middle + 1;
      else high = middle;
    }
    return low < this.#offsets[row + 1] && this.#sorted[low] === item;
  }
}

/** Items with repeats in proportion to (interactions + 1)^exponent, to the nearest of `URN_SIZE` places. */
function urn({ columns, columnCount }: InteractionMatrix, exponent: number): Uint32Array {
  if (exponent === 0) return Uint32Array.from({ length: columnCount }, (_, item) => item);
  const weights = new Float64Array(columnCount).fill(1);
  for (const item of columns) weights[item]++;
  let total = 0;
  for (let item = 0; item < columnCount; item++) total += weights[item] **= exponent;
  const places = new Uint32Array(URN_SIZE);
  let end = 0;
  let mass = 0;
  for (let item = 0; item < columnCount; item++) {
    const start = end;
    mass += weights[item];
    end = Math.round((mass / total) * URN_SIZE);
    places.fill(item, start, end);
  }
  return places;
}
