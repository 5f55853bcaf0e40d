import type { NumberEncoder } from './encoding.ts';

/** Logarithms of counts, which are mostly small integers. */
const TABLE = Float64Array.from({ length: 4096 }, (_, count) => Math.log1p(count));

/** sign(x) · ln(1 + |x|). */
export function log1p(value: number): number {
  const index = value | 0;
  if (index === value && index >= 0 && index < TABLE.length) return TABLE[index];
  if (Number.isNaN(value)) return Number.NaN;
  return value < 0 ? -Math.log1p(-value) : Math.log1p(value);
}

/** See `log1p`. */
export const logEncoder: NumberEncoder = { columns: [''], encode: [log1p] };
