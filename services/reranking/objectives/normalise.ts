/** Maps the first `count` values to [0, 1] in place: the least becomes 0, the largest 1; NaN and, where all are equal, all become 0. */
export function minMax(values: Float64Array, count: number): void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < count; row++) {
    if (values[row] < low) low = values[row];
    if (values[row] > high) high = values[row];
  }
  const scale = high > low ? 1 / (high - low) : 0;
  for (let row = 0; row < count; row++) {
    const value = (values[row] - low) * scale;
    values[row] = value >= 0 ? value : 0;
  }
}
