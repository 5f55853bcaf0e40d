import type { Codes } from './encodings/encoding.ts';

/** Each item's codes with their weights, by ordinal, in one pool. */
export class ItemCodes {
  #start = new Uint32Array(0);
  #length = new Uint32Array(0);
  #codes = new Uint32Array(1024);
  #weights = new Float64Array(1024);
  #used = 0;

  /** Sets anew what was set before. */
  set(ordinal: number, { codes, weights }: Codes): void {
    if (ordinal >= this.#start.length) {
      const length = Math.max(ordinal + 1, this.#start.length * 2);
      this.#start = grown(this.#start, new Uint32Array(length));
      this.#length = grown(this.#length, new Uint32Array(length));
    }
    if (codes.length > this.#length[ordinal]) this.#start[ordinal] = this.#reserve(codes.length);
    this.#length[ordinal] = codes.length;
    this.#codes.set(codes, this.#start[ordinal]);
    this.#weights.set(weights, this.#start[ordinal]);
  }

  /** How many codes the item has. */
  lengthOf(ordinal: number): number {
    return ordinal < this.#length.length ? this.#length[ordinal] : 0;
  }

  /** The item's code at `index`, which is below `lengthOf(ordinal)`. */
  codeAt(ordinal: number, index: number): number {
    return this.#codes[this.#start[ordinal] + index];
  }

  /** The weight of that code. */
  weightAt(ordinal: number, index: number): number {
    return this.#weights[this.#start[ordinal] + index];
  }

  #reserve(length: number): number {
    const start = this.#used;
    this.#used += length;
    if (this.#used > this.#codes.length) {
      this.#codes = grown(this.#codes, new Uint32Array(this.#used * 2));
      this.#weights = grown(this.#weights, new Float64Array(this.#used * 2));
    }
    return start;
  }
}

function grown<T extends Uint32Array | Float64Array>(values: T, larger: T): T {
  larger.set(values);
  return larger;
}
