/** tableᵀ table of a row-major table of `width` columns, in float64. */
export function gramian(table: Float32Array, width: number): Float64Array {
  const products = new Float64Array(width * width);
  for (let row = 0; row < table.length; row += width) {
    for (let i = 0; i < width; i++) {
      const value = table[row + i];
      for (let j = 0; j <= i; j++) products[i * width + j] += value * table[row + j];
    }
  }
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < i; j++) products[j * width + i] = products[i * width + j];
  }
  return products;
}
