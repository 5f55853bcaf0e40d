/** What one source retrieved: items with scores, best first, ties by ordinal. Made once and refilled. */
export class Hits {
  #items = new Uint32Array(0);
  #scores = new Float32Array(0);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Entries from `count` on mean nothing. */
  get items(): Uint32Array {
    return this.#items;
  }

  /** The source's own scale, finite; entries from `count` on mean nothing. */
  get scores(): Float32Array {
    return this.#scores;
  }

  /** Empties and makes room for `capacity` rows. */
  reset(capacity: number): void {
    this.#count = 0;
    if (capacity <= this.#items.length) return;
    this.#items = new Uint32Array(capacity);
    this.#scores = new Float32Array(capacity);
  }

  /** Adds a row while there is room. */
  push(item: number, score: number): void {
    if (this.#count === this.#items.length) return;
    this.#items[this.#count] = item;
    this.#scores[this.#count++] = score;
  }
}
