import { type Fitted, NO_TABLE, OTHER, type WordEncoder } from './encoding.ts';
import { frequentWords, placesOf } from './vocabulary.ts';

/**
 * A column a term: count × inverse document frequency, the known terms together of length 1; `other` is the share of the text's words that
 * are no terms.
 */
export function tfIdfEncoder({ words: terms, numbers: idf }: Fitted): WordEncoder {
  const places = placesOf(terms);
  return {
    columns: [...terms, OTHER],
    table: NO_TABLE,
    tableWidth: 0,
    encode: (words) => {
      const counts = new Map<number, number>();
      let unknown = 0;
      for (const word of words) {
        const place = places.get(word);
        if (place === undefined) unknown++;
        else counts.set(place, (counts.get(place) ?? 0) + 1);
      }
      const codes = [...counts.keys()];
      const weights = codes.map((place) => (counts.get(place) as number) * idf[place]);
      const length = Math.hypot(...weights) || 1;
      return {
        codes: [...codes, terms.length],
        weights: [...weights.map((weight) => weight / length), unknown / words.length],
      };
    },
  };
}

/** The terms in most texts, each with ln((1 + texts) / (1 + texts with it)) + 1. */
export function fitTfIdf(texts: readonly (readonly string[])[], terms: number): Fitted {
  const { words, bags } = frequentWords(texts, terms);
  const numbers = Float64Array.from(bags, (having) => Math.log((1 + texts.length) / (1 + having)) + 1);
  return { words, numbers };
}
