import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { invertPositiveDefinite } from './spd-inverse.ts';

/** A Gramian of random rows, plus the identity. */
function positiveDefinite(order: number): Float32Array {
  const random = new Random(order);
  const rows = Float32Array.from({ length: 2 * order * order }, () => random.normal() / Math.sqrt(order));
  const matrix = new Float32Array(order * order);
  for (let i = 0; i < order; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 1 : 0;
      for (let at = 0; at < rows.length; at += order) sum += rows[at + i] * rows[at + j];
      matrix[i * order + j] = sum;
      matrix[j * order + i] = sum;
    }
  }
  return matrix;
}

describe('the inverse of a positive definite matrix', () => {
  it.each([1, 2, 97, 211])('of order %i times the matrix is the identity', async (order) => {
    const matrix = positiveDefinite(order);
    const inverse = await invertPositiveDefinite(matrix, order, 1);
    let worst = 0;
    for (let i = 0; i < order; i++) {
      for (let j = 0; j < order; j++) {
        let sum = i === j ? -1 : 0;
        for (let k = 0; k < order; k++) sum += matrix[i * order + k] * inverse[k * order + j];
        worst = Math.max(worst, Math.abs(sum));
      }
    }
    expect(worst).toBeLessThan(1e-4);
  });

  it('is refused where there is none', async () => {
    await expect(invertPositiveDefinite(Float32Array.of(1, 2, 2, 1), 2, 1)).rejects.toThrow(
      'not positive definite',
    );
  });
});
