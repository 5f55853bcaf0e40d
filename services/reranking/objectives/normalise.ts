/** Maps values to [0, 1] over one request: the least becomes 0, the largest 1; all 0 where they are equal. */
export function minMax(values: Float32Array, out: Float64Array): void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const scale = high > low ? 1 / (high - low) : 0;
  for (let row = 0; row < values.length; row++) out[row] = (values[row] - low) * scale;
}
