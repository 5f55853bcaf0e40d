import { mix32 } from './random.ts';

const SLOTS_MIN = 64;

/**
 * A set of uint32 ordinals made to be refilled on every request: open addressing in typed arrays, at most half full, emptied
 * in constant time by moving to the next epoch. It keeps the room it once needed.
 */
export class OrdinalSet {
  #keys = new Uint32Array(SLOTS_MIN);
  #epochs = new Uint32Array(SLOTS_MIN);
  /** How many ordinals were there before the one in the slot. */
  #indices = new Uint32Array(SLOTS_MIN);
  #epoch = 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#size = 0;
    if (this.#epoch === 0xffffffff) {
      this.#epochs.fill(0);
      this.#epoch = 0;
    }
    this.#epoch++;
  }

  /** True if `ordinal` was not in the set before. */
  add(ordinal: number): boolean {
    const slot = this.#slotOf(ordinal);
    if (this.#epochs[slot] === this.#epoch) return false;
    this.#epochs[slot] = this.#epoch;
    this.#keys[slot] = ordinal;
    this.#indices[slot] = this.#size;
    if (++this.#size * 2 > this.#keys.length) this.#grow();
    return true;
  }

  addAll(ordinals: Uint32Array): void {
    for (let i = 0; i < ordinals.length; i++) this.add(ordinals[i]);
  }

  has(ordinal: number): boolean {
    return this.#epochs[this.#slotOf(ordinal)] === this.#epoch;
  }

  /** How many ordinals were added before this one; -1 if it is not in the set. */
  indexOf(ordinal: number): number {
    const slot = this.#slotOf(ordinal);
    return this.#epochs[slot] === this.#epoch ? this.#indices[slot] : -1;
  }

  #slotOf(ordinal: number): number {
    const keys = this.#keys;
    const epochs = this.#epochs;
    const mask = keys.length - 1;
    let slot = mix32(ordinal) & mask;
    while (epochs[slot] === this.#epoch && keys[slot] !== ordinal) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const keys = this.#keys;
    const epochs = this.#epochs;
    const indices = this.#indices;
    this.#keys = new Uint32Array(keys.length * 2);
    this.#epochs = new Uint32Array(keys.length * 2);
    this.#indices = new Uint32Array(keys.length * 2);
    for (let i = 0; i < keys.length; i++) {
      if (epochs[i] !== this.#epoch) continue;
      const slot = this.#slotOf(keys[i]);
      this.#keys[slot] = keys[i];
      this.#epochs[slot] = this.#epoch;
      this.#indices[slot] = indices[i];
    }
  }
}
