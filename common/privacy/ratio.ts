/** A positive rational; both parts are safe integers. */
export interface Ratio {
  readonly over: number;
  readonly under: number;
}

const OVER_BITS = 20;

/**
 * The least ratio with at least 20 significant bits that is not below `value`, so that noise is never less than asked for. A RangeError
 * unless `value` is positive and finite, as of `ratioAtMost`.
 */
export function ratioAtLeast(value: number): Ratio {
  const under = denominator(value);
  return { over: Math.ceil(value * under), under };
}

/** The greatest such ratio that is not above `value`. */
export function ratioAtMost(value: number): Ratio {
  const under = denominator(value);
  return { over: Math.floor(value * under), under };
}

/** A power of two, so that multiplying by it is exact. */
function denominator(value: number): number {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new RangeError(`${value} is not positive and finite`);
  let under = 1;
  while (value * under < 2 ** OVER_BITS) under *= 2;
  return under;
}

export function ratioValue({ over, under }: Ratio): number {
  return over / under;
}
