import { hash32 } from '../../random.ts';
import { NO_TABLE, type WordEncoder } from './encoding.ts';

const SIGN_SEED = 0x5bd1e995;

/**
 * The hashing trick (Weinberger et al. 2009): each different word adds +1 or −1, by a second hash, to the bucket of its hash. Nothing is
 * fitted, so that no word is unseen; words that share a bucket are told apart by nothing.
 */
export function hashedEncoder(buckets: number): WordEncoder {
  return {
    columns: Array.from({ length: buckets }, (_, bucket) => String(bucket)),
    table: NO_TABLE,
    tableWidth: 0,
    encode: (given) => {
      const words = [...new Set(given)];
      return {
        codes: words.map((word) => hash32(word) % buckets),
        weights: words.map((word) => ((hash32(word, SIGN_SEED) & 1) === 1 ? 1 : -1)),
      };
    },
  };
}
