import type { KernelPool } from './kernel-pool.ts';

/** The structure of a matrix in compressed rows: row r holds entries offsets[r] up to offsets[r + 1]. */
interface CompressedRows {
  readonly rowCount: number;
  readonly offsets: Uint32Array;
  readonly columns: Uint32Array;
  readonly weights: Float32Array;
}

/** A sparse matrix in a pool's memory, to be multiplied with tables. */
export class SparseProduct {
  readonly #pool: KernelPool;
  readonly #rowCount: number;
  readonly #pointers: readonly [number, number, number];

  /** Copies the matrix into the pool. */
  constructor(pool: KernelPool, { rowCount, offsets, columns, weights }: CompressedRows) {
    this.#pool = pool;
    this.#rowCount = rowCount;
    const values = pool.f32(weights.length);
    values.set(weights);
    this.#pointers = [pool.u32(offsets).byteOffset, pool.u32(columns).byteOffset, values.byteOffset];
  }

  /**
   * out = matrix · table. `table` (columns × dim) and `out` (rows × dim) are row-major arrays of the pool and do not overlap;
   * `dim` is a multiple of 4.
   */
  multiply(table: Float32Array, dim: number, out: Float32Array): void {
    this.#pool.run('sparseProduct', [
      ...this.#pointers,
      this.#rowCount,
      table.byteOffset,
      dim,
      out.byteOffset,
    ]);
  }
}
