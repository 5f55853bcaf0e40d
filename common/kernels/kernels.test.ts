import { describe, expect, it } from 'vitest';
import { interactionMatrix } from '../models/interactions.ts';
import { Random } from '../random.ts';
import { InnerProducts } from './inner-products.ts';
import { KernelPool } from './kernel-pool.ts';
import { FactorTable, LeastSquaresRows } from './least-squares.ts';
import { RowProducts } from './row-products.ts';
import { SparseProduct } from './sparse-product.ts';

const random = new Random(3);
const normals = (length: number): Float32Array => new Float32Array(length).map(() => random.normal());

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]));
  expect(worst).toBeLessThan(2e-5);
}

/** A sparse matrix with empty rows and columns, and one dense row. */
function sparse(rowCount: number, columnCount: number) {
  const users: number[] = [];
  const items: number[] = [];
  for (let row = 0; row < rowCount; row++) {
    const entries = row === 1 ? columnCount : random.int(9);
    for (let i = 0; i < entries; i++) {
      users.push(row);
      items.push(row === 1 ? i : random.int(columnCount - 1));
    }
  }
  const weights = normals(users.length).map(Math.abs);
  const columns = { users: Uint32Array.from(users), items: Uint32Array.from(items), weights };
  return interactionMatrix(columns, rowCount, columnCount);
}

describe('the kernels agree with plain arithmetic:', () => {
  it.each([
    [1, 1, 1],
    [5, 3, 17],
    [12, 64, 40],
  ])('inner products of %i vectors of %i with %i rows', (count, dim, rows) => {
    const vectors = normals(9 * dim);
    const table = normals(rows * dim);
    const asked = Uint32Array.from({ length: count }, () => random.int(9));
    const scores = new Float32Array(count * rows);
    const products = new InnerProducts(dim);
    products.multiply(vectors, asked, table, scores);
    const expected = scores.map((_, at) => {
      let sum = 0;
      const [user, item] = [asked[Math.floor(at / rows)], at % rows];
      for (let i = 0; i < dim; i++) sum += vectors[user * dim + i] * table[item * dim + i];
      return sum;
    });
    expectClose(scores, expected);
    const alone = new Float32Array(rows);
    products.multiply(vectors, asked.subarray(count - 1), table, alone);
    expect(alone).toEqual(scores.subarray((count - 1) * rows));
  });

  it.each([1, 5, 8, 64])(
    'a row of %i values with each row of its table, one of them cleared, in memory reused',
    (dim) => {
      const source = normals(30 * dim);
      const products = new RowProducts(dim);
      for (const rows of [30, 7, 12]) {
        products.reset(rows);
        for (let row = 0; row < rows; row++) products.set(row, source, row * dim, 0.5);
        products.clear(rows - 1);
        const expected = Array.from({ length: rows }, (_, row) => {
          let sum = 0;
          for (let i = 0; i < dim; i++) sum += 0.25 * source[2 * dim + i] * source[row * dim + i];
          return row === rows - 1 ? 0 : sum;
        });
        expectClose(products.of(2).subarray(0, rows), expected);
      }
    },
  );

  it.each([4, 32, 36, 72])('a sparse matrix times a table of width %i, on one thread and on three', (dim) => {
    const matrix = sparse(150, 23);
    const table = normals(matrix.columnCount * dim);
    const expected = new Float64Array(matrix.rowCount * dim);
    for (let row = 0; row < matrix.rowCount; row++) {
      for (let e = matrix.offsets[row]; e < matrix.offsets[row + 1]; e++) {
        const from = matrix.columns[e] * dim;
        for (let i = 0; i < dim; i++) expected[row * dim + i] += matrix.weights[e] * table[from + i];
      }
    }
    const results = [1, 3].map((threads) => {
      using pool = new KernelPool(threads);
      const product = new SparseProduct(pool, matrix);
      const [input, out] = [pool.f32(table.length), pool.f32(expected.length)];
      input.set(table);
      product.multiply(input, dim, out);
      const two = pool.f32(2 * dim);
      product.multiplyRows(Uint32Array.of(140, 1), input, dim, two);
      expect(two.slice(0, dim)).toEqual(out.slice(140 * dim, 141 * dim));
      expect(two.slice(dim)).toEqual(out.slice(dim, 2 * dim));
      return out.slice();
    });
    expectClose(results[0], expected);
    expect(results[1]).toEqual(results[0]);
  });
});

/** Σ weights (h·x)² − 2 Σ pulls (h·x) + scale Σ_all (h·x)² + ridge ‖x‖² and its minimiser, by Gaussian elimination. */
function rowMinimiser(
  entries: readonly { column: number; weight: number; pull: number }[],
  table: Float32Array,
  dim: number,
  scale: number,
  ridge: number,
): number[] {
  const left = Array.from({ length: dim }, (_, i) =>
    Array.from({ length: dim }, (_, j) => (i === j ? ridge : 0)),
  );
  const right = new Array<number>(dim).fill(0);
  const addOuter = (column: number, weight: number): void => {
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j < dim; j++) left[i][j] += weight * table[column * dim + i] * table[column * dim + j];
    }
  };
  for (let column = 0; column * dim < table.length; column++) addOuter(column, scale);
  for (const { column, weight, pull } of entries) {
    addOuter(column, weight);
    for (let i = 0; i < dim; i++) right[i] += pull * table[column * dim + i];
  }
  for (let i = 0; i < dim; i++) {
    for (let k = i + 1; k < dim; k++) {
      const factor = left[k][i] / left[i][i];
      for (let j = i; j < dim; j++) left[k][j] -= factor * left[i][j];
      right[k] -= factor * right[i];
    }
  }
  for (let i = dim - 1; i >= 0; i--) {
    for (let j = i + 1; j < dim; j++) right[i] -= left[i][j] * right[j];
    right[i] /= left[i][i];
  }
  return right;
}

describe('least squares by rows', () => {
  const matrix = sparse(41, 23);
  const pulls = normals(matrix.weights.length);
  const ridges = normals(matrix.rowCount).map((value) => 1 + Math.abs(value));

  it.each([
    [5, 0.3],
    [16, 0.3],
    [11, 0],
  ])('of width %i, every column weighing %d, is solved on one thread and on three', (dim, scale) => {
    const factors = normals(matrix.columnCount * dim);
    const results = [1, 3].map((threads) => {
      using pool = new KernelPool(threads);
      const table = new FactorTable(pool, matrix.columnCount, dim);
      let at = 0;
      table.fill(() => factors[at++]);
      const out = new FactorTable(pool, matrix.rowCount, dim);
      out.fill(() => 0.1);
      const rows = new LeastSquaresRows(pool, matrix, ridges, pulls);
      rows.improve(out, table, scale === 0 ? undefined : table.gramian(scale), 40);
      return out.unpadded();
    });
    expect(results[1]).toEqual(results[0]);
    for (let row = 0; row < matrix.rowCount; row++) {
      const [start, end] = [matrix.offsets[row], matrix.offsets[row + 1]];
      const entries = Array.from({ length: end - start }, (_, i) => ({
        column: matrix.columns[start + i],
        weight: matrix.weights[start + i],
        pull: pulls[start + i],
      }));
      const expected = rowMinimiser(entries, factors, dim, scale, ridges[row]);
      expectClose(results[0].subarray(row * dim, (row + 1) * dim), expected);
    }
  });
});
