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
  readonly #dimensions: number;
  #units = new Float32Array(0);
  #count = 0;

  /** `table`: one row of `dimensions` finite values for each ordinal from 0. */
  constructor(table: Float32Array, dimensions: number) {
    this.#table = table;
    this.#dimensions = dimensions;
  }

  /** The rows that `toRow` speaks of from now on. */
  load(items: Uint32Array): void {
    const dimensions = this.#dimensions;
    this.#count = items.length;
    if (this.#units.length < items.length * dimensions)
      this.#units = new Float32Array(items.length * dimensions);
    for (let row = 0; row < items.length; row++) this.#gather(items[row] * dimensions, row * dimensions);
  }

  toRow(row: number, out: Float64Array): void {
    const units = this.#units;
    const dimensions = this.#dimensions;
    const base = row * dimensions;
    for (let other = 0, o = 0; other < this.#count; other++) {
      let dot0 = 0;
      let dot1 = 0;
      let dot2 = 0;
      let dot3 = 0;
      let i = 0;
      for (; i + 3 < dimensions; i += 4) {
        dot0 += units[base + i] * units[o + i];
        dot1 += units[base + i + 1] * units[o + i + 1];
        dot2 += units[base + i + 2] * units[o + i + 2];
        dot3 += units[base + i + 3] * units[o + i + 3];
      }
      for (; i < dimensions; i++) dot0 += units[base + i] * units[o + i];
      out[other] = dot0 + dot1 + (dot2 + dot3);
      o += dimensions;
    }
  }

  #gather(from: number, to: number): void {
    const table = this.#table;
    const dimensions = this.#dimensions;
    let squares = 0;
    if (from + dimensions <= table.length) {
      for (let i = from; i < from + dimensions; i++) squares += table[i] * table[i];
    }
    if (squares === 0) {
      this.#units.fill(0, to, to + dimensions);
      return;
    }
    const scale = 1 / Math.sqrt(squares);
    for (let i = 0; i < dimensions; i++) this.#units[to + i] = table[from + i] * scale;
  }
}
