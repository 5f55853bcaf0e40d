/**
 * Each item's values of one field (its categories, its creators) as numbers, by ordinal: what the catalogue's strings become
 * when an item arrives, so that nothing compares strings on a request. Values are numbered from 0 in order of arrival. An item
 * never set has none.
 */
export class ItemValues {
  readonly #numbers = new Map<string, number>();
  #start = new Uint32Array(0);
  #length = new Uint8Array(0);
  #pool = new Uint32Array(1024);
  readonly #itemCounts: number[] = [];
  #entries = 0;
  #used = 0;

  /** How many different values there are. */
  get count(): number {
    return this.#numbers.size;
  }

  /** How many values all items have, each item's counted. */
  get entries(): number {
    return this.#entries;
  }

  /** Sets anew what was set before. Throws if an item has more than 255 different values. */
  set(ordinal: number, values: readonly string[]): void {
    const numbers = [...new Set(values)].map((value) => this.numberOf(value));
    if (numbers.length > 255)
      throw new RangeError(`item ${ordinal}: ${numbers.length} values, more than 255`);
    for (let i = 0; i < this.lengthOf(ordinal); i++) this.#itemCounts[this.at(ordinal, i)]--;
    for (const number of numbers) this.#itemCounts[number]++;
    this.#entries += numbers.length - this.lengthOf(ordinal);
    if (ordinal >= this.#start.length) {
      const length = Math.max(ordinal + 1, this.#start.length * 2);
      this.#start = grown(this.#start, new Uint32Array(length));
      this.#length = grown(this.#length, new Uint8Array(length));
    }
    if (numbers.length > this.#length[ordinal]) this.#start[ordinal] = this.#reserve(numbers.length);
    this.#length[ordinal] = numbers.length;
    this.#pool.set(numbers, this.#start[ordinal]);
  }

  /** How many values the item has. */
  lengthOf(ordinal: number): number {
    return ordinal < this.#length.length ? this.#length[ordinal] : 0;
  }

  /** The number of the item's value at `index`, which is below `lengthOf(ordinal)`. */
  at(ordinal: number, index: number): number {
    return this.#pool[this.#start[ordinal] + index];
  }

  /** How many items have the value of that number. */
  itemCount(number: number): number {
    return this.#itemCounts[number];
  }

  /** By number of a value: its weight, 0 where it has none. */
  weights(weights: ReadonlyMap<string, number>): Float64Array {
    const numbers = new Float64Array(this.count);
    for (const [value, weight] of weights) {
      const number = this.#numbers.get(value);
      if (number !== undefined) numbers[number] = weight;
    }
    return numbers;
  }

  /** The number of a value, which it gets now if no item has had it. */
  numberOf(value: string): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(value, number);
      this.#itemCounts.push(0);
    }
    return number;
  }

  #reserve(length: number): number {
    const start = this.#used;
    this.#used += length;
    if (this.#used > this.#pool.length) this.#pool = grown(this.#pool, new Uint32Array(this.#used * 2));
    return start;
  }
}

function grown<T extends Uint32Array | Uint8Array>(values: T, larger: T): T {
  larger.set(values);
  return larger;
}
