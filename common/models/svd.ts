import { KernelPool } from '../kernels/kernel-pool.ts';
import { SparseProduct } from '../kernels/sparse-product.ts';
import { Random } from '../random.ts';
import type { FitRun, VectorModel } from './candidate-model.ts';
import { gramian } from './gramian.ts';
import { columnEntries, type InteractionMatrix, transpose } from './interactions.ts';
import { symmetricEigen } from './symmetric-eigen.ts';
import { vectorModel } from './vector-model.ts';

/**
 * PureSVD (Cremonesi, Koren, Turrin 2010) with the item scaling of EigenRec (Nikolakopoulos, Kalantzis, Gallopoulos, Garofalakis
 * 2019): V holds the leading right singular vectors of X D, X being 1 where a pair is in the matrix and else 0 and D the items'
 * counts to `countExponent`. The scores of a user's row x of X are x V Vᵀ.
 */
export interface SvdOptions {
  readonly dim: number;
  /** 0: PureSVD; below 0 popular items are damped. */
  readonly countExponent: number;
  /** Subspace iterations (Halko, Martinsson, Tropp 2011, algorithm 4.4). */
  readonly iterations: number;
}

const ITERATIONS = 5;

/** Multiplications of the dense part of a fit that are worth more dimensions. */
const COST_MAX = 1e10;

/** Settings to choose from, the best on MovieLens-1M first; fewer dimensions where the catalogue is large. */
export function svdGrid({ columnCount }: InteractionMatrix): SvdOptions[] {
  const cost = (dim: number) => columnCount * (dim + OVERSAMPLING) ** 2 * ITERATIONS;
  const [first, ...more] = [64, 32, 128, 16, 256];
  return [first, ...more.filter((dim) => cost(dim) <= COST_MAX)].flatMap((dim) =>
    [-0.25, 0].map((countExponent) => ({ dim, countExponent, iterations: ITERATIONS })),
  );
}

/** Columns beyond `dim` that the iteration carries for its accuracy. */
const OVERSAMPLING = 12;

/** Share of a column's square that must be its own. */
const RANK_TOLERANCE = 1e-10;

/** The matrix's weights and times are not used. Fewer dimensions where the matrix has fewer items. */
export async function fitSvd(
  matrix: InteractionMatrix,
  options: SvdOptions,
  { seed, threads }: FitRun,
): Promise<VectorModel> {
  const itemCount = matrix.columnCount;
  const scaled = { ...matrix, weights: entryScales(matrix, options.countExponent) };
  const width = 4 * Math.ceil(Math.min(options.dim + OVERSAMPLING, itemCount) / 4);
  using pool = new KernelPool(threads);
  const [forward, backward] = [new SparseProduct(pool, scaled), new SparseProduct(pool, transpose(scaled))];
  const byItem = pool.f32(itemCount * width);
  const byUser = pool.f32(matrix.rowCount * width);
  const random = new Random(seed);
  for (let i = 0; i < byItem.length; i++) byItem[i] = random.normal();
  for (let iteration = 0; iteration < options.iterations; iteration++) {
    orthonormalise(byItem, width);
    forward.multiply(byItem, width, byUser);
    backward.multiply(byUser, width, byItem);
  }
  orthonormalise(byItem, width);
  forward.multiply(byItem, width, byUser);
  const dim = Math.min(options.dim, itemCount);
  const { vectors } = symmetricEigen(gramian(byUser, width), width);
  const itemFactors = product(byItem, width, vectors, dim);
  new SparseProduct(pool, { ...matrix, weights: entryScales(matrix, 0) }).multiply(byItem, width, byUser);
  return vectorModel(dim, product(byUser, width, vectors, dim), itemFactors);
}

/** Each entry's item count to the exponent. */
function entryScales(matrix: InteractionMatrix, exponent: number): Float32Array {
  const { offsets } = columnEntries(matrix);
  return Float32Array.from(matrix.columns, (item) => (offsets[item + 1] - offsets[item]) ** exponent);
}

/**
 * Replaces the columns of a row-major table by an orthonormal basis of what they span, by the Cholesky factor of their Gramian:
 * L Lᵀ = tableᵀ table, table L⁻ᵀ. A column that depends on those before it becomes zero.
 */
function orthonormalise(table: Float32Array, width: number): void {
  const products = gramian(table, width);
  const lower = new Float64Array(width * width);
  const inverse = new Float64Array(width * width);
  for (let j = 0; j < width; j++) {
    let pivot = products[j * width + j];
    for (let k = 0; k < j; k++) pivot -= lower[j * width + k] ** 2;
    if (!(pivot > RANK_TOLERANCE * products[j * width + j])) continue;
    const root = Math.sqrt(pivot);
    for (let i = j; i < width; i++) {
      let sum = products[i * width + j];
      for (let k = 0; k < j; k++) sum -= lower[i * width + k] * lower[j * width + k];
      lower[i * width + j] = sum / root;
    }
    inverse[j * width + j] = 1 / root;
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let k = i; k < j; k++) sum -= lower[j * width + k] * inverse[i * width + k];
      inverse[i * width + j] = sum / root;
    }
  }
  table.set(product(table, width, inverse, width));
}

/** The first `columns` columns of table · matrix, both of width `width`. */
function product(table: Float32Array, width: number, matrix: Float64Array, columns: number): Float32Array {
  const rows = table.length / width;
  const out = new Float32Array(rows * columns);
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let i = 0; i < width; i++) {
      const value = table[row * width + i];
      for (let j = 0; j < columns; j++) sums[j] += value * matrix[i * width + j];
    }
    out.set(sums, row * columns);
  }
  return out;
}
