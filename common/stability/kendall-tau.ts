/**
 * Kendall's tau-b of two score columns over the same items, ties accounted for (Kendall 1945), in O(n log n) (Knight: A computer
 * method for calculating Kendall's tau with ungrouped data, JASA 1966). In [−1, 1]; NaN where one column is constant or there are
 * fewer than two items. No score is NaN.
 */
export function kendallTau(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const n = x.length;
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => x[i] - x[j] || y[i] - y[j]);
  const sorted = Float64Array.from(order, (i) => y[i]);
  const pairs = (n * (n - 1)) / 2;
  const tiedX = tiedPairs(n, (i) => x[order[i]] === x[order[i - 1]]);
  const tiedBoth = tiedPairs(n, (i) => x[order[i]] === x[order[i - 1]] && sorted[i] === sorted[i - 1]);
  const discordant = sortCountingSwaps(sorted);
  const tiedY = tiedPairs(n, (i) => sorted[i] === sorted[i - 1]);
  const concordantLessDiscordant = pairs - tiedX - tiedY + tiedBoth - 2 * discordant;
  return concordantLessDiscordant / Math.sqrt((pairs - tiedX) * (pairs - tiedY));
}

/** Pairs within runs of equal neighbours. */
function tiedPairs(length: number, tiedWithPrevious: (index: number) => boolean): number {
  let pairs = 0;
  let run = 0;
  for (let i = 1; i < length; i++) {
    run = tiedWithPrevious(i) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

/** Sorts ascending by merging, in place, and answers the number of inversions. */
function sortCountingSwaps(values: Float64Array<ArrayBuffer>): number {
  let from = values;
  let to = new Float64Array(values.length);
  let swaps = 0;
  for (let width = 1; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += 2 * width) {
      const middle = Math.min(start + width, values.length);
      const end = Math.min(start + 2 * width, values.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        if (right === end || (left < middle && from[left] <= from[right])) to[at] = from[left++];
        else {
          to[at] = from[right++];
          swaps += middle - left;
        }
      }
    }
    [from, to] = [to, from];
  }
  if (from !== values) values.set(from);
  return swaps;
}
