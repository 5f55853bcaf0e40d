import { symmetricEigen } from '../../models/symmetric-eigen.ts';
import { Random } from '../../random.ts';
import type { Fitted } from './encoding.ts';
import { frequentWords, placesOf } from './vocabulary.ts';

/** More directions than are kept, so that those converge, the negative ones left out. */
const OVERSAMPLING = 8;
const ITERATIONS = 20;
/** Pairs of one bag that are counted, at most: of a larger bag the first words. */
const BAG_MAX = 256;

/**
 * Word vectors by factorisation (after Levy, Goldberg 2014): the eigenvectors of the `dim` greatest positive eigenvalues, each times √ of its
 * own, of the matrix of positive pointwise mutual information of words in the same bag; their products come as near to it as those of real
 * vectors can. Of each direction the largest entry is positive, so that the result is one. Where there are fewer, the last numbers are 0.
 */
export function fitWordVectors(bags: Iterable<readonly string[]>, dim: number, max: number): Fitted {
  const all = [...bags];
  const { words } = frequentWords(all, max);
  const order = words.length;
  const numbers = new Float64Array(order * dim);
  if (order === 0) return { words, numbers };
  const matrix = ppmi(all, words);
  const rank = Math.min(order, 2 * dim + OVERSAMPLING);
  const { values, vectors } = leadingEigen(matrix, order, rank);
  for (let d = 0; d < Math.min(dim, rank); d++) {
    let largest = 0;
    for (let i = 0; i < order; i++)
      if (Math.abs(vectors[i * rank + d]) > Math.abs(largest)) largest = vectors[i * rank + d];
    const scale = Math.sqrt(Math.max(0, values[d])) * (largest < 0 ? -1 : 1);
    for (let i = 0; i < order; i++) numbers[i * dim + d] = vectors[i * rank + d] * scale;
  }
  return { words, numbers };
}

/** max(0, ln(p(a, b) / p(a) p(b))) over ordered pairs of different words of a bag; row-major. */
function ppmi(bags: readonly (readonly string[])[], words: readonly string[]): Float64Array {
  const places = placesOf(words);
  const order = words.length;
  const counts = new Float64Array(order * order);
  for (const bag of bags) {
    const known = [...new Set(bag)].map((word) => places.get(word)).filter((place) => place !== undefined);
    const own = known.slice(0, BAG_MAX);
    for (const a of own) for (const b of own) if (a !== b) counts[a * order + b]++;
  }
  const totals = new Float64Array(order);
  let total = 0;
  for (let a = 0; a < order; a++) {
    for (let b = 0; b < order; b++) totals[a] += counts[a * order + b];
    total += totals[a];
  }
  for (let a = 0; a < order; a++) {
    for (let b = 0; b < order; b++) {
      const count = counts[a * order + b];
      counts[a * order + b] =
        count === 0 ? 0 : Math.max(0, Math.log((count * total) / (totals[a] * totals[b])));
    }
  }
  return counts;
}

/** The `rank` eigenpairs of largest magnitude of a symmetric matrix, by subspace iteration, the greatest first; vectors as columns of `order × rank`. */
function leadingEigen(
  matrix: Float64Array,
  order: number,
  rank: number,
): { values: Float64Array; vectors: Float64Array } {
  const random = new Random(1);
  let basis = Float64Array.from({ length: order * rank }, () => random.next() - 0.5);
  orthonormalise(basis, order, rank);
  for (let i = 0; i < ITERATIONS; i++) {
    basis = product(matrix, basis, order, rank);
    orthonormalise(basis, order, rank);
  }
  const image = product(matrix, basis, order, rank);
  const small = new Float64Array(rank * rank);
  for (let a = 0; a < rank; a++)
    for (let b = 0; b < rank; b++)
      for (let i = 0; i < order; i++) small[a * rank + b] += basis[i * rank + a] * image[i * rank + b];
  for (let a = 0; a < rank; a++)
    for (let b = 0; b < a; b++) {
      const mean = (small[a * rank + b] + small[b * rank + a]) / 2;
      small[a * rank + b] = mean;
      small[b * rank + a] = mean;
    }
  const eigen = symmetricEigen(small, rank);
  const vectors = new Float64Array(order * rank);
  for (let i = 0; i < order; i++)
    for (let to = 0; to < rank; to++)
      for (let k = 0; k < rank; k++)
        vectors[i * rank + to] += basis[i * rank + k] * eigen.vectors[k * rank + to];
  return { values: eigen.values, vectors };
}

function product(
  matrix: Float64Array,
  basis: Float64Array,
  order: number,
  rank: number,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(order * rank);
  for (let i = 0; i < order; i++) {
    for (let j = 0; j < order; j++) {
      const entry = matrix[i * order + j];
      if (entry === 0) continue;
      for (let r = 0; r < rank; r++) result[i * rank + r] += entry * basis[j * rank + r];
    }
  }
  return result;
}

/** Modified Gram–Schmidt over the columns; a column that depends on the earlier ones becomes 0. */
function orthonormalise(basis: Float64Array, order: number, rank: number): void {
  for (let a = 0; a < rank; a++) {
    for (let b = 0; b < a; b++) {
      let dot = 0;
      for (let i = 0; i < order; i++) dot += basis[i * rank + a] * basis[i * rank + b];
      for (let i = 0; i < order; i++) basis[i * rank + a] -= dot * basis[i * rank + b];
    }
    let square = 0;
    for (let i = 0; i < order; i++) square += basis[i * rank + a] ** 2;
    const scale = square > 1e-18 ? 1 / Math.sqrt(square) : 0;
    for (let i = 0; i < order; i++) basis[i * rank + a] *= scale;
  }
}
