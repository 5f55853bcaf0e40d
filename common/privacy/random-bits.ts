import { randomFillSync } from 'node:crypto';

/** Fills an array with independent uniform bytes. */
export type FillBytes = (bytes: Uint8Array) => void;

const POOL_WORDS = 4_096;
const WORD = 2 ** 32;

/** Uniform integers from the operating system's cryptographic generator. */
export class RandomBits {
  readonly #fill: FillBytes;
  readonly #words = new Uint32Array(POOL_WORDS);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  #next = POOL_WORDS;
  #bits = 0;
  #bitsLeft = 0;

  /** `fill`: another source of bytes, for tests that repeat a run; noise that protects people takes the default. */
  constructor(fill: FillBytes = randomFillSync) {
    this.#fill = fill;
  }

  uint32(): number {
    if (this.#next === POOL_WORDS) {
      this.#fill(this.#bytes);
      this.#next = 0;
    }
    return this.#words[this.#next++];
  }

  bit(): number {
    if (this.#bitsLeft === 0) {
      this.#bits = this.uint32();
      this.#bitsLeft = 32;
    }
    this.#bitsLeft--;
    const bit = this.#bits & 1;
    this.#bits >>>= 1;
    return bit;
  }

  /** Exactly uniform in [0, bound); 1 ≤ bound ≤ 2^53. */
  below(bound: number): number {
    if (bound === 1) return 0;
    if (bound <= WORD) {
      const limit = WORD - (WORD % bound);
      for (;;) {
        const drawn = this.uint32();
        if (drawn < limit) return drawn % bound;
      }
    }
    const high = Math.ceil(bound / WORD);
    for (;;) {
      const drawn = this.below(high) * WORD + this.uint32();
      if (drawn < bound) return drawn;
    }
  }
}
