import { ADAM, type OptimiserName, type Penalties, penalty } from './optimiser.ts';

const UNTOUCHED = -1;

/**
 * Gradients of the rows of a table [rows, width] that a batch touches, and the optimiser that moves only those: SGD, or Adam
 * whose moments of a row stand still between its batches (lazy Adam).
 */
export class SparseRows {
  readonly table: Float32Array;
  readonly width: number;
  readonly #slotOf: Int32Array;
  #touched = new Uint32Array(64);
  #count = 0;
  #sums: Float32Array;
  readonly #moments: { readonly mean: Float32Array; readonly square: Float32Array } | undefined;
  #steps = 0;

  constructor(table: Float32Array, width: number, optimiser: OptimiserName) {
    this.table = table;
    this.width = width;
    this.#slotOf = new Int32Array(table.length / width).fill(UNTOUCHED);
    this.#sums = new Float32Array(64 * width);
    if (optimiser === 'adam')
      this.#moments = { mean: new Float32Array(table.length), square: new Float32Array(table.length) };
  }

  /** The rows' summed gradients, one behind the other. */
  get gradients(): Float32Array {
    return this.#sums.subarray(0, this.#count * this.width);
  }

  /** Adds gradient i, `gradients[i × width]` on, to that of row `ids[i]`; repeated ids sum. */
  add(ids: Uint32Array, gradients: Float32Array): void {
    const { width } = this;
    for (let i = 0; i < ids.length; i++) {
      const to = this.#slot(ids[i]) * width;
      const sums = this.#sums;
      for (let j = 0, from = i * width; j < width; j++) sums[to + j] += gradients[from++];
    }
  }

  /** Adds `gradients` row i times `scales[i × length + k]` to that of row `ids[i × length + k]`, for each k; scale 0 adds nothing. */
  addBags(ids: Uint32Array, scales: Float32Array, length: number, gradients: Float32Array): void {
    const { width } = this;
    for (let i = 0; i < ids.length; i++) {
      const scale = scales[i];
      if (scale === 0) continue;
      const to = this.#slot(ids[i]) * width;
      const sums = this.#sums;
      for (let j = 0, from = Math.floor(i / length) * width; j < width; j++)
        sums[to + j] += scale * gradients[from++];
    }
  }

  addPenalties(penalties: Penalties): void {
    const { l1 = 0, l2 = 0 } = penalties;
    if (l1 === 0 && l2 === 0) return;
    const [table, sums, width] = [this.table, this.#sums, this.width];
    for (let slot = 0; slot < this.#count; slot++) {
      const at = this.#touched[slot] * width;
      const to = slot * width;
      if (l1 === 0) for (let i = 0; i < width; i++) sums[to + i] += l2 * table[at + i];
      else for (let i = 0; i < width; i++) sums[to + i] += penalty(table[at + i], l1, l2);
    }
  }

  /** Moves the touched rows against their gradients and forgets these. */
  step(rate: number): void {
    this.#steps++;
    if (this.#moments === undefined) this.#descend(rate);
    else this.#adam(rate, this.#moments);
    for (let slot = 0; slot < this.#count; slot++) this.#slotOf[this.#touched[slot]] = UNTOUCHED;
    this.#count = 0;
  }

  #descend(rate: number): void {
    const { table, width } = this;
    for (let slot = 0, from = 0; slot < this.#count; slot++) {
      let at = this.#touched[slot] * width;
      for (let j = 0; j < width; j++) table[at++] -= rate * this.#sums[from++];
    }
  }

  #adam(rate: number, { mean, square }: { mean: Float32Array; square: Float32Array }): void {
    const { table, width } = this;
    const { beta1, beta2 } = ADAM;
    const { scaled, floor } = ADAM.at(this.#steps, rate);
    const sums = this.#sums;
    for (let slot = 0, from = 0; slot < this.#count; slot++) {
      let at = this.#touched[slot] * width;
      for (let j = 0; j < width; j++, at++) {
        const gradient = sums[from++];
        const m = beta1 * mean[at] + (1 - beta1) * gradient;
        const v = beta2 * square[at] + (1 - beta2) * gradient * gradient;
        mean[at] = m;
        square[at] = v;
        table[at] -= (scaled * m) / (Math.sqrt(v) + floor);
      }
    }
  }

  #slot(row: number): number {
    const known = this.#slotOf[row];
    if (known !== UNTOUCHED) return known;
    const slot = this.#count++;
    if (slot === this.#touched.length) this.#grow();
    this.#sums.fill(0, slot * this.width, (slot + 1) * this.width);
    this.#touched[slot] = row;
    this.#slotOf[row] = slot;
    return slot;
  }

  #grow(): void {
    const touched = new Uint32Array(2 * this.#touched.length);
    touched.set(this.#touched);
    this.#touched = touched;
    const sums = new Float32Array(touched.length * this.width);
    sums.set(this.#sums);
    this.#sums = sums;
  }
}
