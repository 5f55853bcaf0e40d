/** The implementations: `typed` serves; `bloom-filters` is the npm package of that name, the oracle. */
export const bloomEngines = ['typed', 'bloom-filters'] as const;
export type BloomEngine = (typeof bloomEngines)[number];

/**
 * An approximate set of uint32 keys: `has` is true for every key added, and for others at a rate that `shape` and `added`
 * set. Keys cannot be removed. Adding more keys than planned raises the rate and never loses a key.
 */
export interface BloomFilter {
  readonly engine: BloomEngine;
  readonly shape: BloomShape;
  readonly seed: number;
  /** Keys added, repeated ones counted again. */
  readonly added: number;
  add(key: number): void;
  addAll(keys: Uint32Array): void;
  has(key: number): boolean;
  /** Writes 1 where `keys` may be in the set and 0 where it is not; `out` is at least as long as `keys`. */
  hasAll(keys: Uint32Array, out: Uint8Array): void;
  /** Bytes that `readBloom` restores, on any machine and by either engine's filter. */
  serialise(): Uint8Array;
}

export interface BloomShape {
  /** m: 1 to 2^32 - 1. */
  readonly bits: number;
  /** k: 1 to 255. */
  readonly hashes: number;
}

const BITS_MAX = 2 ** 32 - 1;
const HASHES_MAX = 255;

/**
 * The shape for `keys` keys at false-positive rate `rate` (Bloom 1970): m = ceil(-n ln p / (ln 2)^2), k = round(m / n ln 2)
 * and at least 1. Throws a RangeError naming the argument unless `keys` is an integer of 1 or more, `rate` is in (0, 1) and m
 * fits 32 bits.
 */
export function bloomShape(keys: number, rate: number): BloomShape {
  if (!Number.isSafeInteger(keys) || keys < 1)
    throw new RangeError(`bloom keys: ${keys} is not a positive integer`);
  if (!(rate > 0 && rate < 1)) throw new RangeError(`bloom rate: ${rate} is not between 0 and 1`);
  const bits = Math.ceil((-keys * Math.log(rate)) / Math.LN2 ** 2);
  const hashes = Math.max(1, Math.round((bits / keys) * Math.LN2));
  if (bits > BITS_MAX)
    throw new RangeError(`bloom keys: ${keys} at rate ${rate} need ${bits} bits, more than ${BITS_MAX}`);
  if (hashes > HASHES_MAX)
    throw new RangeError(`bloom rate: ${rate} needs ${hashes} hashes, more than ${HASHES_MAX}`);
  return { bits, hashes };
}

/** The expected false-positive rate after `added` distinct keys: (1 - e^(-kn/m))^k (Bloom 1970). */
export function expectedBloomRate(shape: BloomShape, added: number): number {
  return (1 - Math.exp((-shape.hashes * added) / shape.bits)) ** shape.hashes;
}
