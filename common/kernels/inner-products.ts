import { KernelPool } from './kernel-pool.ts';

const PANEL = 8;
const ROWS = 4;

/** Inner products of vectors with the rows of a table, by SIMD. Holds its scratch, which grows to the largest table seen. */
export class InnerProducts {
  readonly #dim: number;
  readonly #pool = new KernelPool();
  #vectors: Float32Array = new Float32Array(0);
  #panels: Float32Array = new Float32Array(0);
  #products: Float32Array = new Float32Array(0);

  constructor(dim: number) {
    this.#dim = dim;
  }

  /**
   * scores[r · n + i] = row rows[r] of `vectors` · row i of `table`, both row-major of the width given on construction, n the
   * table's rows. The bits do not depend on which rows are asked for together.
   */
  multiply(vectors: Float32Array, rows: Uint32Array, table: Float32Array, scores: Float32Array): void {
    const dim = this.#dim;
    const count = table.length / dim;
    const panelCount = Math.ceil(count / PANEL);
    const rowCount = ROWS * Math.ceil(rows.length / ROWS);
    this.#reserve(rowCount, panelCount);
    for (let r = 0; r < rows.length; r++) {
      this.#vectors.set(vectors.subarray(rows[r] * dim, (rows[r] + 1) * dim), r * dim);
    }
    intoPanels(table, dim, this.#panels);
    const [from, panels, to] = [this.#vectors, this.#panels, this.#products].map((array) => array.byteOffset);
    this.#pool.run('panelProducts', [from, rowCount, panels, panelCount, dim, to]);
    const width = PANEL * panelCount;
    for (let r = 0; r < rows.length; r++) {
      scores.set(this.#products.subarray(r * width, r * width + count), r * count);
    }
  }

  #reserve(rowCount: number, panelCount: number): void {
    const pool = this.#pool;
    const width = PANEL * panelCount;
    if (this.#vectors.length < rowCount * this.#dim) this.#vectors = pool.f32(rowCount * this.#dim);
    if (this.#panels.length < width * this.#dim) this.#panels = pool.f32(width * this.#dim);
    if (this.#products.length < rowCount * width) this.#products = pool.f32(rowCount * width);
  }
}

/** The transpose of `table` in panels: see `products.as.ts`. */
function intoPanels(table: Float32Array, dim: number, panels: Float32Array): void {
  const count = table.length / dim;
  for (let row = 0; row < count; row++) {
    const from = row * dim;
    let to = Math.floor(row / PANEL) * dim * PANEL + (row % PANEL);
    for (let i = 0; i < dim; i++, to += PANEL) panels[to] = table[from + i];
  }
}
