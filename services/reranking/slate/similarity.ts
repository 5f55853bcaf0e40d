import { RowProducts } from '../../../common/kernels/row-products.ts';

/** How alike the rows of one request are. */
export interface Similarity {
  /** Writes the similarity of `row` to every row into `out`, one value a row. */
  toRow(row: number, out: Float64Array): void;
}

/**
 * Cosine similarity of item embeddings, in [-1, 1]; 0 to everything for an item without an embedding (a zero vector, or an
 * ordinal past the table's end). `load` gathers a request's rows as unit vectors into memory that later requests reuse.
 */
export class CosineSimilarity implements Similarity {
  readonly #table: Float32Array;
  readonly #products: RowProducts;
  /** One over each vector's length; 0 for a zero vector. */
  readonly #scales: Float32Array;
  #count = 0;

  /** `table`: one row of `dimensions` finite values for each ordinal from 0. */
  constructor(table: Float32Array, dimensions: number) {
    this.#table = table;
    this.#products = new RowProducts(dimensions);
    this.#scales = new Float32Array(Math.floor(table.length / dimensions));
    for (let item = 0; item < this.#scales.length; item++) {
      let squares = 0;
      for (let i = item * dimensions; i < (item + 1) * dimensions; i++) squares += table[i] * table[i];
      this.#scales[item] = squares === 0 ? 0 : 1 / Math.sqrt(squares);
    }
  }

  /** The rows that `toRow` speaks of from now on. */
  load(items: Uint32Array): void {
    this.#count = items.length;
    this.#products.reset(items.length);
    for (let row = 0; row < items.length; row++) {
      const item = items[row];
      if (item < this.#scales.length)
        this.#products.set(row, this.#table, item * this.#products.dim, this.#scales[item]);
      else this.#products.clear(row);
    }
  }

  toRow(row: number, out: Float64Array): void {
    const products = this.#products.of(row);
    for (let other = 0; other < this.#count; other++) out[other] = products[other];
  }
}
