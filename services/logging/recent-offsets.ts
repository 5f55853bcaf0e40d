import { hash32 } from '../../common/random.ts';

const SEED_LOW = 0x51ed270b;
const SEED_HIGH = 0x2545f491;

/**
 * The log offsets of the latest texts added: at least `capacity` of them, at most twice that many. Keeps 64 bits of hash and an
 * offset each in two generations of open addressing, 32 bytes a text; two texts are mistaken for each other with a probability of
 * about capacity / 2^63.
 */
export class RecentOffsets {
  readonly #capacity: number;
  #young: Generation;
  #old: Generation;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#young = new Generation(capacity);
    this.#old = new Generation(0);
  }

  add(text: string, offset: number): void {
    if (this.#young.size >= this.#capacity) {
      this.#old = this.#young;
      this.#young = new Generation(this.#capacity);
    }
    this.#young.add(hash32(text, SEED_LOW), hash32(text, SEED_HIGH), offset);
  }

  /** The offset of the text; undefined if it is not among the latest. */
  get(text: string): number | undefined {
    const low = hash32(text, SEED_LOW);
    const high = hash32(text, SEED_HIGH);
    return this.#young.get(low, high) ?? this.#old.get(low, high);
  }
}

const SLOTS_MIN = 1024;
const FREE = -1;

class Generation {
  #keys: Uint32Array;
  #offsets: Float64Array;
  readonly #slotsMax: number;
  #size = 0;

  constructor(capacity: number) {
    this.#slotsMax = 2 ** Math.ceil(Math.log2(Math.max(capacity * 2, 2)));
    const slots = Math.min(SLOTS_MIN, this.#slotsMax);
    this.#keys = new Uint32Array(slots * 2);
    this.#offsets = new Float64Array(slots).fill(FREE);
  }

  get size(): number {
    return this.#size;
  }

  add(low: number, high: number, offset: number): void {
    if (this.#size * 2 >= this.#offsets.length && this.#offsets.length < this.#slotsMax) this.#grow();
    const slot = this.#slotOf(low, high);
    if (this.#offsets[slot] === FREE) this.#size++;
    this.#keys[slot * 2] = low;
    this.#keys[slot * 2 + 1] = high;
    this.#offsets[slot] = offset;
  }

  get(low: number, high: number): number | undefined {
    const offset = this.#offsets[this.#slotOf(low, high)];
    return offset === FREE ? undefined : offset;
  }

  #slotOf(low: number, high: number): number {
    const mask = this.#offsets.length - 1;
    let slot = low & mask;
    while (
      this.#offsets[slot] !== FREE &&
      (this.#keys[slot * 2] !== low || this.#keys[slot * 2 + 1] !== high)
    )
      slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const keys = this.#keys;
    const offsets = this.#offsets;
    this.#keys = new Uint32Array(keys.length * 2);
    this.#offsets = new Float64Array(offsets.length * 2).fill(FREE);
    for (let slot = 0; slot < offsets.length; slot++) {
      if (offsets[slot] === FREE) continue;
      const moved = this.#slotOf(keys[slot * 2], keys[slot * 2 + 1]);
      this.#keys[moved * 2] = keys[slot * 2];
      this.#keys[moved * 2 + 1] = keys[slot * 2 + 1];
      this.#offsets[moved] = offsets[slot];
    }
  }
}
