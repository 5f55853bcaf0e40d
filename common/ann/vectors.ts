/**
 * What "near" means. The score is the inner product (`ip`), the cosine (`cosine`; 0 for a zero vector) or the negated
 * squared Euclidean distance (`l2`): greater is nearer in all three.
 */
export type Space = 'ip' | 'cosine' | 'l2';

/**
 * The rows of an index, row-major float32, with their scores. Every kind of index takes its final scores from here, so
 * that they agree bit for bit on the rows that they share.
 */
export class VectorTable {
  readonly size: number;
  readonly dim: number;
  readonly space: Space;
  /** Row-major, size × dim; of length 1 (or 0) each where the space is `cosine`. */
  readonly values: Float32Array<ArrayBuffer>;

  /** `vectors` is kept, not copied, except for `cosine`. Throws naming the row that is not finite. */
  constructor(vectors: Float32Array<ArrayBuffer>, dim: number, space: Space) {
    if (!Number.isInteger(dim) || dim < 1 || vectors.length % dim !== 0) {
      throw new RangeError(`${vectors.length} values are no rows of dimension ${dim}`);
    }
    this.size = vectors.length / dim;
    this.dim = dim;
    this.space = space;
    this.values = space === 'cosine' ? vectors.slice() : vectors;
    for (let row = 0; row < this.size; row++) {
      const vector = this.values.subarray(row * dim, row * dim + dim);
      if (!Number.isFinite(squaredNorm(vector))) throw new RangeError(`vector ${row} is not finite`);
      if (space === 'cosine') normalise(vector);
    }
  }

  /** A copy of `query` that `score` takes. Throws where its length is not `dim` or a value is not finite. */
  prepare(query: Float32Array): Float32Array<ArrayBuffer> {
    if (query.length !== this.dim) {
      throw new RangeError(`the query has ${query.length} values, the index ${this.dim} dimensions`);
    }
    if (!Number.isFinite(squaredNorm(query))) throw new RangeError('the query is not finite');
    const prepared = new Float32Array(query);
    if (this.space === 'cosine') normalise(prepared);
    return prepared;
  }

  /** The score of `row` for a prepared query, summed in double precision, rounded to float32. */
  score(query: Float32Array, row: number): number {
    const { values, dim } = this;
    const start = row * dim;
    let sum = 0;
    if (this.space === 'l2') {
      for (let i = 0; i < dim; i++) {
        const difference = query[i] - values[start + i];
        sum -= difference * difference;
      }
    } else {
      for (let i = 0; i < dim; i++) sum += query[i] * values[start + i];
    }
    return Math.fround(sum);
  }

  squaredNorm(row: number): number {
    return squaredNorm(this.values.subarray(row * this.dim, row * this.dim + this.dim));
  }
}

function squaredNorm(vector: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i] * vector[i];
  return sum;
}

function normalise(vector: Float32Array): void {
  const norm = Math.sqrt(squaredNorm(vector));
  if (norm > 0) for (let i = 0; i < vector.length; i++) vector[i] /= norm;
}
