/** Words by number of bags that hold them, the most frequent first and equal ones in code-point order. */
export function frequentWords(
  bags: Iterable<readonly string[]>,
  max: number,
): { words: string[]; bags: number[] } {
  const counts = new Map<string, number>();
  for (const bag of bags) for (const word of new Set(bag)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const ranked = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, max);
  return { words: ranked.map(([word]) => word), bags: ranked.map(([, count]) => count) };
}

/** Places of words in a vocabulary. */
export function placesOf(words: readonly string[]): ReadonlyMap<string, number> {
  return new Map(words.map((word, place) => [word, place]));
}
