import type { KernelPool } from './kernel-pool.ts';

/** The structure of a matrix in compressed rows: row r holds entries offsets[r] up to offsets[r + 1]. */
export interface CompressedRows {
  readonly rowCount: number;
  readonly offsets: Uint32Array;
  readonly columns: Uint32Array;
  readonly weights: Float32Array;
}

/** A sparse matrix in a pool's memory, to be multiplied with tables: row-major arrays of the pool, of a width divisible by 4. */
export class SparseProduct {
  readonly #pool: KernelPool;
  readonly #rowCount: number;
  readonly #offsets: Uint32Array;
  readonly #columns: number;
  readonly #weights: number;
  #bounds: Uint32Array = new Uint32Array(0);

  /** Copies the matrix into the pool. */
  constructor(pool: KernelPool, { rowCount, offsets, columns, weights }: CompressedRows) {
    this.#pool = pool;
    this.#rowCount = rowCount;
    this.#offsets = pool.u32(offsets);
    this.#columns = pool.u32(columns).byteOffset;
    const values = pool.f32(weights.length);
    values.set(weights);
    this.#weights = values.byteOffset;
  }

  /** out = matrix · table, `table` being columns × dim and `out` rows × dim, apart from each other. */
  multiply(table: Float32Array, dim: number, out: Float32Array): void {
    this.#run(this.#offsets, 1, this.#rowCount, table, dim, out);
  }

  /** Row i of `out` = row rows[i] of matrix · table, with the bits of `multiply`. */
  multiplyRows(rows: Uint32Array, table: Float32Array, dim: number, out: Float32Array): void {
    if (this.#bounds.length < 2 * rows.length)
      this.#bounds = this.#pool.u32(new Uint32Array(2 * rows.length));
    for (let i = 0; i < rows.length; i++) {
      this.#bounds[2 * i] = this.#offsets[rows[i]];
      this.#bounds[2 * i + 1] = this.#offsets[rows[i] + 1];
    }
    this.#run(this.#bounds, 2, rows.length, table, dim, out);
  }

  #run(
    bounds: Uint32Array,
    step: number,
    rowCount: number,
    table: Float32Array,
    dim: number,
    out: Float32Array,
  ): void {
    const matrix = [bounds.byteOffset, 4 * step, this.#columns, this.#weights, rowCount];
    this.#pool.run('sparseProduct', [...matrix, table.byteOffset, dim, out.byteOffset]);
  }
}
