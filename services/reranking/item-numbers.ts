/** A number an item, by ordinal; NaN where none was set. */
export class ItemNumbers {
  #values = new Float64Array(0);

  set(ordinal: number, value: number): void {
    if (ordinal >= this.#values.length) {
      const larger = new Float64Array(Math.max(ordinal + 1, this.#values.length * 2)).fill(Number.NaN);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[ordinal] = value;
  }

  at(ordinal: number): number {
    return ordinal < this.#values.length ? this.#values[ordinal] : Number.NaN;
  }
}
