import type { Fitted, WordEncoder } from './encoding.ts';
import { OTHER } from './encoding.ts';
import { fitWordVectors } from './ppmi-vectors.ts';
import { placesOf } from './vocabulary.ts';

/**
 * The mean of the vectors of the value's different known words, missing where it has none; `other` is the share of its words that have no
 * vector. Serves `embedding` and `word-vectors`, which differ in what their vectors are fitted on.
 */
export function vectorsEncoder({ words: vocabulary, numbers: table }: Fitted, dim: number): WordEncoder {
  const places = placesOf(vocabulary);
  return {
    columns: [...Array.from({ length: dim }, (_, i) => String(i)), OTHER],
    table,
    tableWidth: dim,
    encode: (given) => {
      const words = [...new Set(given)];
      const known = words.map((word) => places.get(word)).filter((place) => place !== undefined);
      const other = vocabulary.length + dim;
      const unseen = (words.length - known.length) / words.length;
      if (known.length > 0) {
        const weight = 1 / known.length;
        return { codes: [...known, other], weights: [...known.map(() => weight), unseen] };
      }
      const columns = Array.from({ length: dim }, (_, i) => vocabulary.length + i);
      return { codes: [...columns, other], weights: [...columns.map(() => Number.NaN), unseen] };
    },
  };
}

/**
 * Vectors of words by the bags that they share: for an item's attribute the bags are what each person of the training part took up, for
 * a user's the people who took up each item.
 */
export function fitEmbedding(bags: Iterable<readonly string[]>, dim: number, max: number): Fitted {
  return fitWordVectors(bags, dim, max);
}
