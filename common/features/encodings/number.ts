import type { NumberEncoder } from './encoding.ts';

/** The number as it is. */
export const numberEncoder: NumberEncoder = { columns: [''], encode: [(value) => value] };
