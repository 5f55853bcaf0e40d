import type { Fitted, NumberEncoder } from './encoding.ts';

/** (x − mean) / deviation of the training rows, x as a float32; 0 where all of them were equal. */
export function zScoreEncoder({ numbers: [mean, deviation] }: Fitted): NumberEncoder {
  const encode = (value: number): number => {
    const distance = Math.fround(value) - mean;
    return deviation > 0 ? distance / deviation : distance * 0;
  };
  return { columns: [''], encode: [encode] };
}

/** Mean and population deviation of what is not missing; 0 and 1 where all is. */
export function fitZScore(values: Float32Array): Fitted {
  let count = 0;
  let sum = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    count++;
    sum += value;
  }
  if (count === 0) return { words: [], numbers: Float64Array.of(0, 1) };
  const mean = sum / count;
  let squares = 0;
  for (const value of values) if (!Number.isNaN(value)) squares += (value - mean) ** 2;
  return { words: [], numbers: Float64Array.of(mean, Math.sqrt(squares / count)) };
}
