import { mix32 } from '../random.ts';
import type { BloomFilter, BloomShape } from './filter.ts';
import { type BloomHeader, writeBloom } from './header.ts';

const STEP_SALT = 0x85a308d3;
const CUBIC = 0x9e3779b9;

/**
 * A Bloom filter (Bloom 1970) in one Uint32Array. The k positions of a key come from two 32-bit mixes x and s: x + i s plus a
 * cubic in i, modulo 2^32, scaled to [0, m) by the high bits. That is double hashing (Kirsch & Mitzenmacher 2006) with the
 * cubic term of Dillinger & Manolios (2004), without which filters of a few thousand bits give several times the planned rate
 * when k is large, because some steps s visit few positions. Scaling by a multiplication keeps m exact and costs no division.
 */
export class TypedBloom implements BloomFilter {
  readonly engine = 'typed';
  readonly shape: BloomShape;
  readonly seed: number;
  readonly #words: Uint32Array;
  readonly #stepSeed: number;
  readonly #scale: number;
  #added: number;

  /** `seed`: uint32. `restored`: what a serialised filter held. */
  constructor(shape: BloomShape, seed: number, restored?: { words: Uint32Array; added: number }) {
    this.shape = shape;
    this.seed = seed >>> 0;
    this.#stepSeed = mix32(this.seed ^ STEP_SALT);
    this.#scale = shape.bits / 2 ** 32;
    this.#words = restored?.words ?? new Uint32Array(Math.ceil(shape.bits / 32));
    this.#added = restored?.added ?? 0;
  }

  static restore(header: BloomHeader, payload: Uint8Array): TypedBloom {
    const words = new Uint32Array(payload.buffer, payload.byteOffset, payload.length / 4);
    return new TypedBloom(header.shape, header.seed, { words, added: header.added });
  }

  get added(): number {
    return this.#added;
  }

  add(key: number): void {
    const words = this.#words;
    let x = mix32(key ^ this.seed) | 0;
    let step = mix32(x ^ this.#stepSeed) | 0;
    for (let i = 0, t = 0; i < this.shape.hashes; i++) {
      const bit = ((x >>> 0) * this.#scale) >>> 0;
      words[bit >>> 5] |= 1 << (bit & 31);
      x = (x + step) | 0;
      step = (step + t) | 0;
      t = (t + CUBIC) | 0;
    }
    this.#added++;
  }

  addAll(keys: Uint32Array): void {
    for (let i = 0; i < keys.length; i++) this.add(keys[i]);
  }

  has(key: number): boolean {
    return mayHold(this.#words, this.shape.hashes, this.#scale, mix32(key ^ this.seed), this.#stepSeed);
  }

  hasAll(keys: Uint32Array, out: Uint8Array): void {
    const words = this.#words;
    const hashes = this.shape.hashes;
    const scale = this.#scale;
    const seed = this.seed;
    const stepSeed = this.#stepSeed;
    for (let j = 0; j < keys.length; j++) {
      out[j] = mayHold(words, hashes, scale, mix32(keys[j] ^ seed), stepSeed) ? 1 : 0;
    }
  }

  serialise(): Uint8Array {
    return writeBloom(
      this,
      new Uint8Array(this.#words.buffer, this.#words.byteOffset, Math.ceil(this.shape.bits / 8)),
    );
  }
}

function mayHold(
  words: Uint32Array,
  hashes: number,
  scale: number,
  first: number,
  stepSeed: number,
): boolean {
  let x = first | 0;
  let step = mix32(x ^ stepSeed) | 0;
  for (let i = 0, t = 0; i < hashes; i++) {
    const bit = ((x >>> 0) * scale) >>> 0;
    if ((words[bit >>> 5] & (1 << (bit & 31))) === 0) return false;
    x = (x + step) | 0;
    step = (step + t) | 0;
    t = (t + CUBIC) | 0;
  }
  return true;
}
