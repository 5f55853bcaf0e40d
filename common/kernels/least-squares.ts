import type { KernelPool } from './kernel-pool.ts';
import type { CompressedRows } from './sparse-product.ts';

const LANES = 8;
const ROWS = 4;

/** A table of `rows` factors of `dim` elements in a pool, each row padded with zeros to `stride`. */
export class FactorTable {
  readonly rows: number;
  readonly dim: number;
  readonly stride: number;
  /** Row-major `rows × stride`, and up to three rows more. */
  readonly values: Float32Array;
  readonly #pool: KernelPool;
  #gramian: Float32Array | undefined;

  constructor(pool: KernelPool, rows: number, dim: number) {
    this.rows = rows;
    this.dim = dim;
    this.stride = LANES * Math.ceil(dim / LANES);
    this.values = pool.f32(ROWS * Math.ceil(rows / ROWS) * this.stride);
    this.#pool = pool;
  }

  /** Sets every element to what `next` gives, in row-major order. */
  fill(next: () => number): void {
    for (let row = 0; row < this.rows; row++) {
      for (let i = 0; i < this.dim; i++) this.values[row * this.stride + i] = next();
    }
  }

  /** A copy without the padding, row-major `rows × dim`. */
  unpadded(): Float32Array {
    const copy = new Float32Array(this.rows * this.dim);
    for (let row = 0; row < this.rows; row++) {
      const at = row * this.stride;
      copy.set(this.values.subarray(at, at + this.dim), row * this.dim);
    }
    return copy;
  }

  /** scale · tableᵀ table, in the panels that `LeastSquaresRows` reads; valid until the next call. */
  gramian(scale: number): Float32Array {
    this.#gramian ??= this.#pool.f32(this.stride * this.stride);
    const [table, out] = [this.values.byteOffset, this.#gramian.byteOffset];
    this.#pool.run('gramian', [table, this.rows, this.stride, out]);
    for (let i = 0; i < this.#gramian.length; i++) this.#gramian[i] *= scale;
    return this.#gramian;
  }
}

/** One side of alternating least squares: a vector for each row of a sparse matrix, against a table of its columns' factors. */
export class LeastSquaresRows {
  readonly #pool: KernelPool;
  readonly #rowCount: number;
  readonly #pointers: readonly number[];
  #scratch: Float32Array | undefined;

  /**
   * Copies the matrix into the pool. Row r minimises Σ weights · (h · x)² − 2 Σ pulls · (h · x) + xᵀ G x + ridges[r] ‖x‖² over its
   * entries, h being the factors of the entry's column. `pulls`, one an entry, are the weights where absent: a target of 1.
   */
  constructor(
    pool: KernelPool,
    { rowCount, offsets, columns, weights }: CompressedRows,
    ridges: Float32Array,
    pulls?: Float32Array,
  ) {
    this.#pool = pool;
    this.#rowCount = rowCount;
    const copied = (values: Float32Array) => {
      const copy = pool.f32(values.length);
      copy.set(values);
      return copy.byteOffset;
    };
    const curvatures = copied(weights);
    this.#pointers = [
      pool.u32(offsets).byteOffset,
      pool.u32(columns).byteOffset,
      curvatures,
      pulls === undefined ? curvatures : copied(pulls),
      copied(ridges),
    ];
  }

  /**
   * Improves every row of `out` by up to `steps` conjugate gradient steps (Takács, Pilászy, Tikk 2011) from where it is; a row
   * without entries becomes zero. `gramian` is G by `FactorTable.gramian`; absent, it is zero.
   */
  improve(out: FactorTable, table: FactorTable, gramian: Float32Array | undefined, steps: number): void {
    const { stride } = table;
    this.#scratch ??= this.#pool.f32(this.#pool.threads * 12 * stride);
    this.#pool.run('leastSquaresRows', [
      ...this.#pointers,
      this.#rowCount,
      table.values.byteOffset,
      gramian?.byteOffset ?? 0,
      stride,
      steps,
      out.values.byteOffset,
      this.#scratch.byteOffset,
    ]);
  }
}
