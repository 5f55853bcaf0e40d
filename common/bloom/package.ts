import bloomFilters from 'bloom-filters';
import type { BloomFilter, BloomShape } from './filter.ts';
import { type BloomHeader, writeBloom } from './header.ts';

/**
 * The same interface over npm `bloom-filters`, whose hashes (xxHash64 of the key in decimal) owe nothing to ours. About a
 * thousand times slower: the oracle in tests, and an engine by configuration for who wants it.
 */
export class PackageBloom implements BloomFilter {
  readonly engine = 'bloom-filters';
  readonly shape: BloomShape;
  readonly seed: number;
  readonly #filter: bloomFilters.BloomFilter;
  #added = 0;

  /** `seed`: uint32. */
  constructor(shape: BloomShape, seed: number) {
    this.shape = shape;
    this.seed = seed >>> 0;
    this.#filter = new bloomFilters.BloomFilter(shape.bits, shape.hashes);
    this.#filter.seed = this.seed;
  }

  static restore(header: BloomHeader, payload: Uint8Array): PackageBloom {
    const restored = new PackageBloom(header.shape, header.seed);
    const bits = restored.#filter._filter.array;
    bits.set(payload.subarray(0, bits.length));
    restored.#added = header.added;
    return restored;
  }

  get added(): number {
    return this.#added;
  }

  add(key: number): void {
    this.#filter.add(String(key));
    this.#added++;
  }

  addAll(keys: Uint32Array): void {
    for (let i = 0; i < keys.length; i++) this.add(keys[i]);
  }

  has(key: number): boolean {
    return this.#filter.has(String(key));
  }

  hasAll(keys: Uint32Array, out: Uint8Array): void {
    for (let i = 0; i < keys.length; i++) out[i] = this.has(keys[i]) ? 1 : 0;
  }

  serialise(): Uint8Array {
    return writeBloom(this, this.#filter._filter.array);
  }
}
