import { NO_TABLE, OTHER, type WordEncoder } from './encoding.ts';
import { placesOf } from './vocabulary.ts';

/** A column a word, 1 where the value has it; `other` is the share of its different words that have no column. */
export function multiHotEncoder(vocabulary: readonly string[]): WordEncoder {
  const places = placesOf(vocabulary);
  return {
    columns: [...vocabulary, OTHER],
    table: NO_TABLE,
    tableWidth: 0,
    encode: (given) => {
      const words = [...new Set(given)];
      const known = words.map((word) => places.get(word)).filter((place) => place !== undefined);
      return {
        codes: [...known, vocabulary.length],
        weights: [...known.map(() => 1), (words.length - known.length) / words.length],
      };
    },
  };
}
