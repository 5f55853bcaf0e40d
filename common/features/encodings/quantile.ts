import type { Fitted, NumberEncoder } from './encoding.ts';

/**
 * The share of the training rows below x, in [0, 1], linear between the knots (equally spaced quantiles); the middle of a run of equal
 * knots. Beyond the outer knots it is 0 and 1. x counts as a float32.
 */
export function quantileEncoder({ numbers: knots }: Fitted): NumberEncoder {
  return { columns: [''], encode: [(value) => shareBelow(knots, Math.fround(value))] };
}

function shareBelow(knots: Float64Array, value: number): number {
  const last = knots.length - 1;
  if (Number.isNaN(value) || last < 1) return Number.NaN;
  const below = firstNotBelow(knots, value);
  if (below > last) return 1;
  if (knots[below] === value) {
    let end = below;
    while (end < last && knots[end + 1] === value) end++;
    return (below + end) / 2 / last;
  }
  if (below === 0) return 0;
  const share = (value - knots[below - 1]) / (knots[below] - knots[below - 1]);
  return (below - 1 + share) / last;
}

/** Index of the first knot ≥ value. */
function firstNotBelow(knots: Float64Array, value: number): number {
  let low = 0;
  let high = knots.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (knots[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Knots at equally spaced quantiles, linear between neighbours, of what is not missing; none where all is. */
export function fitQuantiles(values: Float32Array, knots: number): Fitted {
  const known = values.filter((value) => !Number.isNaN(value)).sort();
  if (known.length === 0) return { words: [], numbers: new Float64Array(0) };
  const numbers = Float64Array.from({ length: knots }, (_, knot) => {
    const at = (knot / (knots - 1)) * (known.length - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, known.length - 1);
    return known[low] + (known[high] - known[low]) * (at - low);
  });
  return { words: [], numbers };
}
