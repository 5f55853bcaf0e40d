import { packArrays, unpackArrays } from './arrays.ts';

const PART_KIND = 'bitset';

/** An exact set of uint32 ordinals, one bit for each up to the largest ever added (10 million: 1.25 MB). Grows by doubling. */
export class Bitset {
  #words: Uint32Array;
  #size = 0;

  /** `capacity`: ordinals below it are added without growing. */
  constructor(capacity = 0) {
    this.#words = new Uint32Array(Math.ceil(capacity / 32));
  }

  /** Reads what `serialise` wrote. Throws naming what is wrong with damaged bytes. */
  static read(bytes: Uint8Array): Bitset {
    const bitset = new Bitset();
    bitset.#words = unpackArrays(bytes, PART_KIND).array('words', 'u32').slice();
    for (const word of bitset.#words) bitset.#size += bitCount(word);
    return bitset;
  }

  /** How many ordinals are in the set. */
  get size(): number {
    return this.#size;
  }

  has(ordinal: number): boolean {
    const word = ordinal >>> 5;
    return word < this.#words.length && ((this.#words[word] >>> (ordinal & 31)) & 1) === 1;
  }

  /** True if `ordinal` was not in the set before. */
  add(ordinal: number): boolean {
    if (this.has(ordinal)) return false;
    const word = ordinal >>> 5;
    if (word >= this.#words.length) {
      const grown = new Uint32Array(Math.max(word + 1, this.#words.length * 2));
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[word] |= 1 << (ordinal & 31);
    this.#size++;
    return true;
  }

  /** True if `ordinal` was in the set. */
  delete(ordinal: number): boolean {
    if (!this.has(ordinal)) return false;
    this.#words[ordinal >>> 5] &= ~(1 << (ordinal & 31));
    this.#size--;
    return true;
  }

  /** The set's ordinals, ascending. */
  toOrdinals(): Uint32Array {
    const ordinals = new Uint32Array(this.#size);
    let count = 0;
    for (let word = 0; word < this.#words.length; word++) {
      for (let bits = this.#words[word]; bits !== 0; bits &= bits - 1) {
        ordinals[count++] = word * 32 + (31 - Math.clz32(bits & -bits));
      }
    }
    return ordinals;
  }

  serialise(): Uint8Array {
    let end = this.#words.length;
    while (end > 0 && this.#words[end - 1] === 0) end--;
    return packArrays(PART_KIND, {}, { words: this.#words.subarray(0, end) });
  }
}

/** Bits set among the 32. */
export function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
