import { KernelPool } from './kernel-pool.ts';

/** Multiple that rows are padded to. */
const LANES = 8;

/** A small table of vectors whose inner products with one of them are wanted often; by SIMD, in memory that is reused. */
export class RowProducts {
  readonly dim: number;
  readonly #stride: number;
  readonly #pool = new KernelPool();
  #table: Float32Array = new Float32Array(0);
  #products: Float32Array = new Float32Array(0);
  #rows = 0;

  constructor(dim: number) {
    this.dim = dim;
    this.#stride = LANES * Math.ceil(dim / LANES);
  }

  /** Starts a table of `rows`. Its rows are those of the last table until they are set. */
  reset(rows: number): void {
    this.#rows = rows;
    if (this.#products.length >= rows) return;
    this.#table = this.#pool.f32(2 * rows * this.#stride);
    this.#products = this.#pool.f32(2 * rows);
  }

  /** The row becomes `scale` times the `dim` values of `source` at `from`. */
  set(row: number, source: Float32Array, from: number, scale: number): void {
    const table = this.#table;
    const to = row * this.#stride;
    for (let i = 0; i < this.dim; i++) table[to + i] = source[from + i] * scale;
  }

  /** The row becomes zeros. */
  clear(row: number): void {
    this.#table.fill(0, row * this.#stride, (row + 1) * this.#stride);
  }

  /** The inner products of a row with every row; valid until the next call. */
  of(row: number): Float32Array {
    const table = this.#table.byteOffset;
    const vector = table + 4 * row * this.#stride;
    this.#pool.run('rowProducts', [vector, table, this.#rows, this.#stride, this.#products.byteOffset]);
    return this.#products;
  }
}
