const INCREMENT_MAX = 1e100;

/** Counts by index of which every addition fades: it counts half once `halfLife` more have been made. */
export class DecayedCounts {
  readonly #growth: number;
  #values = new Float64Array(0);
  /** What an addition made now adds. */
  #increment = 1;
  #sum = 0;

  /** `halfLife`: in additions. */
  constructor(halfLife: number) {
    this.#growth = 2 ** (1 / halfLife);
  }

  /** Whether nothing was added yet. */
  get isEmpty(): boolean {
    return this.#sum === 0;
  }

  add(index: number): void {
    if (index >= this.#values.length) {
      const larger = new Float64Array(Math.max(index + 1, this.#values.length * 2));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#increment *= this.#growth;
    this.#values[index] += this.#increment;
    this.#sum += this.#increment;
    if (this.#increment > INCREMENT_MAX) this.#rescale();
  }

  /** The index's share of all counts; 0 before the first. */
  share(index: number): number {
    return this.isEmpty || index >= this.#values.length ? 0 : this.#values[index] / this.#sum;
  }

  /** The first `count` counts, up to a common factor. */
  counts(count: number): Float64Array {
    const counts = new Float64Array(count);
    counts.set(this.#values.subarray(0, count));
    return counts;
  }

  #rescale(): void {
    for (let i = 0; i < this.#values.length; i++) this.#values[i] /= this.#increment;
    this.#sum /= this.#increment;
    this.#increment = 1;
  }
}
