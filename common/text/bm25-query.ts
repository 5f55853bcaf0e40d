/** Weighted terms by id, as parallel arrays; each id at most once, every weight finite and above 0. */
export interface Bm25Query {
  readonly termIds: Uint32Array;
  readonly weights: Float64Array;
}

/** What knows terms: a base index, or a delta over it. */
export interface Bm25Terms {
  /** Undefined for a word that stands in no document. */
  termId(word: string): number | undefined;
  idf(termId: number): number;
}

/** Weights below this count as absent: they could vanish in a product. */
const WEIGHT_MIN = 1e-100;

/**
 * A query of `words`: each counts 1 and repeats add up, or a Map gives every word's weight (a user's profile). Words that
 * no document holds are left out; of the rest, the `termsMax` with the greatest weight · idf stay, ties by term id. A
 * weight that is negative or not finite throws a RangeError naming its word.
 */
export function compileQuery(
  terms: Bm25Terms,
  words: Iterable<string> | ReadonlyMap<string, number>,
  termsMax = Number.POSITIVE_INFINITY,
): Bm25Query {
  const weightOf = new Map<number, number>();
  for (const [word, weight] of weighted(words)) {
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`query weight of "${word}" is ${weight}, not a finite number ≥ 0`);
    }
    const termId = terms.termId(word);
    if (termId !== undefined && weight >= WEIGHT_MIN)
      weightOf.set(termId, (weightOf.get(termId) ?? 0) + weight);
  }
  let chosen = [...weightOf];
  if (chosen.length > termsMax) {
    const strength = ([termId, weight]: [number, number]) => weight * terms.idf(termId);
    chosen = chosen.sort((a, b) => strength(b) - strength(a) || a[0] - b[0]).slice(0, termsMax);
  }
  return {
    termIds: Uint32Array.from(chosen, ([termId]) => termId),
    weights: Float64Array.from(chosen, ([, weight]) => weight),
  };
}

function* weighted(
  words: Iterable<string> | ReadonlyMap<string, number>,
): Iterable<readonly [string, number]> {
  if (words instanceof Map) yield* words as ReadonlyMap<string, number>;
  else for (const word of words as Iterable<string>) yield [word, 1];
}
