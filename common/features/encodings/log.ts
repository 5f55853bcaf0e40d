import type { NumberEncoder } from './encoding.ts';

/** Logarithms of counts, which are mostly small integers. */
const TABLE = Float64Array.from({ length: 4096 }, (_, count) => Math.log1p(count));

/** sign(x) · ln(1 + |x|). */
export const logEncoder: NumberEncoder = {
  columns: [''],
  write(values, count, rows, at, stride) {
    for (let row = 0, o = at; row < count; row++, o += stride) rows[o] = log1p(values[row]);
  },
};

/** See `logEncoder`. */
export function log1p(value: number): number {
  if (Number.isNaN(value)) return Number.NaN;
  const index = value | 0;
  if (index === value && index >= 0 && index < TABLE.length) return TABLE[index];
  return value < 0 ? -Math.log1p(-value) : Math.log1p(value);
}
