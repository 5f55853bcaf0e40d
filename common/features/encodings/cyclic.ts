import type { NumberEncoder } from './encoding.ts';

/** sin and cos of 2π · x / period: what lies a period apart is the same, what lies side by side stays near. */
export function cyclicEncoder(period: number): NumberEncoder {
  return {
    columns: ['sin', 'cos'],
    write(values, count, rows, at, stride) {
      for (let row = 0, o = at; row < count; row++, o += stride) {
        const angle = (values[row] / period) * 2 * Math.PI;
        rows[o] = Math.sin(angle);
        rows[o + 1] = Math.cos(angle);
      }
    },
  };
}
