/** Likeness of two items, 1 for the same. */
export type Similarity = (a: number, b: number) => number;

/**
 * Intra-list diversity: the mean of 1 − similarity over the pairs of a list (Smyth, McClave 2001; Ziegler et al. 2005). NaN for
 * fewer than two items.
 */
export function intraListDiversity(list: ArrayLike<number>, similarity: Similarity): number {
  let sum = 0;
  for (let i = 1; i < list.length; i++) for (let j = 0; j < i; j++) sum += 1 - similarity(list[i], list[j]);
  return sum / ((list.length * (list.length - 1)) / 2);
}

/**
 * How many items of a list are relevant and unlike what its user knows: the mean over the list of relevance (0 or 1) times
 * 1 − mean similarity to the history (Zhang et al. 2012). NaN for an empty list or history.
 */
export function serendipity(
  list: ArrayLike<number>,
  relevant: ReadonlySet<number>,
  history: ArrayLike<number>,
  similarity: Similarity,
): number {
  if (history.length === 0) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < list.length; i++) {
    if (!relevant.has(list[i])) continue;
    let alike = 0;
    for (let j = 0; j < history.length; j++) alike += similarity(list[i], history[j]);
    sum += 1 - alike / history.length;
  }
  return sum / list.length;
}

/** Sets of numbers in compressed rows, ascending in each: row r holds `columns[offsets[r]]` up to `columns[offsets[r + 1]]`. */
export interface SparseSets {
  readonly offsets: Uint32Array;
  readonly columns: Uint32Array;
}

/** Pairs remembered; then all are forgotten. */
const CACHE_MAX = 2 ** 20;

/**
 * Cosine of two items' sets, |A ∩ B| / √(|A| |B|), 0 where one is empty: of the users who took them up (co-occurrence), or of
 * their categories.
 */
export function setCosine({ offsets, columns }: SparseSets): Similarity {
  const known = new Map<number, number>();
  const rows = offsets.length - 1;
  const sizeOf = (row: number): number => offsets[row + 1] - offsets[row];
  return (a, b) => {
    const [small, large] = sizeOf(a) < sizeOf(b) || (sizeOf(a) === sizeOf(b) && a < b) ? [a, b] : [b, a];
    const key = small * rows + large;
    let cosine = known.get(key);
    if (cosine === undefined) {
      const common = commonOf(
        columns,
        offsets[small],
        offsets[small + 1],
        offsets[large],
        offsets[large + 1],
      );
      cosine = common === 0 ? 0 : common / Math.sqrt(sizeOf(small) * sizeOf(large));
      if (known.size >= CACHE_MAX) known.clear();
      known.set(key, cosine);
    }
    return cosine;
  };
}

/** How many values of one ascending run stand in another, by a binary search each that starts where the last one ended. */
function commonOf(columns: Uint32Array, from: number, until: number, start: number, end: number): number {
  let common = 0;
  for (let i = from; i < until && start < end; i++) {
    const value = columns[i];
    let high = end;
    while (start < high) {
      const middle = (start + high) >>> 1;
      if (columns[middle] < value) start = middle + 1;
      else high = middle;
    }
    if (start < end && columns[start] === value) common++;
  }
  return common;
}
