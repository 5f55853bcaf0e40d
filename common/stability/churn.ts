/**
 * The share of the first `k` of two lists that they have in common, |A ∩ B| / k; of the longer list's length where both are
 * shorter. 1 for two empty lists. Lists hold no item twice.
 */
export function overlapAtK(a: ArrayLike<number>, b: ArrayLike<number>, k: number): number {
  const depth = Math.min(k, Math.max(a.length, b.length));
  return depth === 0 ? 1 : shared(a, b, depth) / depth;
}

/** Jaccard index of the first `k` of two lists: |A ∩ B| / |A ∪ B|; 1 for two empty lists. Lists hold no item twice. */
export function jaccardAtK(a: ArrayLike<number>, b: ArrayLike<number>, k: number): number {
  const common = shared(a, b, k);
  const union = Math.min(k, a.length) + Math.min(k, b.length) - common;
  return union === 0 ? 1 : common / union;
}

function shared(a: ArrayLike<number>, b: ArrayLike<number>, k: number): number {
  const items = new Set<number>();
  for (let i = 0; i < Math.min(k, a.length); i++) items.add(a[i]);
  let count = 0;
  for (let i = 0; i < Math.min(k, b.length); i++) if (items.has(b[i])) count++;
  return count;
}

/**
 * Rank-biased overlap of two lists, extrapolated: RBO_EXT for lists of uneven length (Webber, Moffat, Zobel: A similarity measure
 * for indefinite rankings, TOIS 2010, equation 32). `persistence` p in (0, 1): the expected depth of comparison is 1 / (1 − p).
 * In [0, 1]; 1 for equal lists, two empty ones included, and 0 for lists that share nothing. Lists hold no item twice.
 */
export function rankBiasedOverlap(a: ArrayLike<number>, b: ArrayLike<number>, persistence: number): number {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (short.length === 0) return long.length === 0 ? 1 : 0;
  const seenOnce = new Set<number>();
  let common = 0;
  let commonAtShort = 0;
  let weight = 1;
  let sum = 0;
  const meet = (item: number): void => {
    if (seenOnce.delete(item)) common++;
    else seenOnce.add(item);
  };
  for (let depth = 1; depth <= long.length; depth++) {
    meet(long[depth - 1]);
    if (depth <= short.length) meet(short[depth - 1]);
    if (depth === short.length) commonAtShort = common;
    const beyond = Math.max(0, depth - short.length);
    weight *= persistence;
    sum += ((common + (commonAtShort * beyond) / short.length) / depth) * weight;
  }
  const last = (common - commonAtShort) / long.length + commonAtShort / short.length;
  return ((1 - persistence) / persistence) * sum + last * weight;
}
