import type { NumberEncoder } from './encoding.ts';

/** The number as it is. */
export const numberEncoder: NumberEncoder = {
  columns: [''],
  write(values, count, rows, at, stride) {
    for (let row = 0, o = at; row < count; row++, o += stride) rows[o] = values[row];
  },
};
