/**
 * FA*IR (Zehlike et al., CIKM 2017): at n − 1 how many of the first n positions a group must hold so that a ranking drawn with the
 * group's `proportion` would hold fewer with probability at most `significance`; the inverse of the binomial distribution.
 * `size`: positions.
 */
export function unadjustedMinima(size: number, proportion: number, significance: number): Uint16Array {
  const minima = new Uint16Array(size);
  for (let n = 1; n <= size; n++) {
    let term = (1 - proportion) ** n;
    let below = term;
    let count = 0;
    while (below <= significance && count < n) {
      term *= ((n - count) / (count + 1)) * (proportion / (1 - proportion));
      below += term;
      count++;
    }
    minima[n - 1] = count;
  }
  return minima;
}

/** The probability that a ranking drawn with the group's `proportion` falls below the minima at some position. */
export function failProbability(minima: ArrayLike<number>, proportion: number): number {
  let counts = new Float64Array([1]);
  for (let n = 0; n < minima.length; n++) {
    const next = new Float64Array(n + 2);
    for (let count = 0; count <= n; count++) {
      next[count] += counts[count] * (1 - proportion);
      next[count + 1] += counts[count] * proportion;
    }
    next.fill(0, 0, minima[n]);
    counts = next;
  }
  return 1 - counts.reduce((sum, mass) => sum + mass, 0);
}

interface Adjusted {
  readonly significance: number;
  readonly minima: Uint16Array;
}

/**
 * The minima at a smaller significance, so that the test over all positions, which fail oftener together than one does, fails with
 * probability near `significance`. Bisected as the authors' fairsearch does, which of three neighbouring tables takes the strictest
 * where the middle one is not the nearest.
 */
export function adjustedMinima(size: number, proportion: number, significance: number): Adjusted {
  const at = (level: number) => {
    const minima = unadjustedMinima(size, proportion, level);
    const mass = minima.reduce((sum, count) => sum + count, 0);
    const off = failProbability(minima, proportion) - significance;
    return { significance: level, minima, mass, off };
  };
  let low = at(0);
  let high = at(significance);
  while (low.mass < high.mass) {
    if (high.mass - low.mass === 1) return Math.abs(low.off) <= Math.abs(high.off) ? low : high;
    const middle = at((low.significance + high.significance) / 2);
    if (high.mass - middle.mass === 1 && middle.mass - low.mass === 1)
      return Math.abs(middle.off) <= Math.min(Math.abs(low.off), Math.abs(high.off)) ? middle : high;
    if (middle.off === 0) return middle;
    if (middle.off < 0) low = middle;
    else high = middle;
  }
  return high;
}
