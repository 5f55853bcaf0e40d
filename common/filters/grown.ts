type Numbers = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** The values with room for at least `size`, more so that growing one by one costs little; the new ones are `fill`. */
export function grownTo<T extends Numbers>(values: T, size: number, fill = 0): T {
  const length = Math.max(size, values.length * 2);
  const larger = new (values.constructor as new (length: number) => T)(length);
  larger.fill(fill, values.length);
  larger.set(values);
  return larger;
}
