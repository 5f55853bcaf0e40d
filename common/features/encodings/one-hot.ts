import { NO_TABLE, OTHER, type WordEncoder } from './encoding.ts';
import { placesOf } from './vocabulary.ts';

/** A column a word, 1 for the value's (first) word; `other` is 1 for a word of none of them. */
export function oneHotEncoder(words: readonly string[]): WordEncoder {
  const places = placesOf(words);
  return {
    columns: [...words, OTHER],
    table: NO_TABLE,
    tableWidth: 0,
    encode: ([word]) => ({ codes: [places.get(word) ?? words.length], weights: [1] }),
  };
}
