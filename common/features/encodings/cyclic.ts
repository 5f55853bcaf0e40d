import type { NumberEncoder } from './encoding.ts';

/** sin and cos of 2π · x / period: what lies a period apart is the same, what lies side by side stays near. */
export function cyclicEncoder(period: number): NumberEncoder {
  const angle = (value: number): number => (value / period) * 2 * Math.PI;
  return {
    columns: ['sin', 'cos'],
    encode: [(value) => Math.sin(angle(value)), (value) => Math.cos(angle(value))],
  };
}
