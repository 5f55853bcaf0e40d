const GREATEST_POWER = 2 ** 1023;

/** The least power of two that is not below `x`. A RangeError unless 0 < x ≤ 2^1023. */
export function ceilPowerOfTwo(x: number): number {
  if (!(x > 0 && x <= GREATEST_POWER)) throw new RangeError(`${x} is not in (0, 2^1023]`);
  let power = 2 ** Math.max(-1074, Math.min(1023, Math.floor(Math.log2(x)) - 1));
  while (power < x) power *= 2;
  return power;
}

/** The multiple of `granularity` nearest to `x`, halves towards +∞. A RangeError unless the granularity is a power of two. */
export function roundToMultiple(x: number, granularity: number): number {
  if (!(granularity > 0) || ceilPowerOfTwo(granularity) !== granularity)
    throw new RangeError(`granularity ${granularity} is not a power of two`);
  const steps = x / granularity;
  // Beyond 2^52 every double is a whole number already.
  return Math.abs(steps) >= 2 ** 52 ? x : Math.round(steps) * granularity;
}
