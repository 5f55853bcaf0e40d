/** Dense indexes for ids, in order of first appearance. */
export class IdTable {
  readonly ids: string[] = [];
  readonly #indexes = new Map<string, number>();

  /** The id's index, or undefined where it has none yet. */
  find(id: string): number | undefined {
    return this.#indexes.get(id);
  }

  /** The id's index; a new one for a new id. */
  intern(id: string): number {
    const known = this.#indexes.get(id);
    if (known !== undefined) return known;
    // A slice of a block of file text would keep the whole block alive.
    const own = Buffer.from(id).toString();
    const index = this.ids.push(own) - 1;
    this.#indexes.set(own, index);
    return index;
  }
}
