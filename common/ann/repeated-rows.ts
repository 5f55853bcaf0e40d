import type { VectorTable } from './vectors.ts';

const NONE = 0xffffffff;
/** FNV-1a's. */
const HASH_START = 0x811c9dc5;
const HASH_FACTOR = 0x01000193;

/** Which rows of a table are equal, bit for bit. */
export class RepeatedRows {
  /** Rows that no earlier one equals. */
  readonly distinct: number;
  /** By row: the next equal one; `NONE` for the last. */
  readonly #next: Uint32Array;
  readonly #isFirst: Uint8Array;

  constructor(table: VectorTable) {
    const { size } = table;
    const bits = new Uint32Array(table.values.buffer, table.values.byteOffset, table.values.length);
    this.#next = new Uint32Array(size).fill(NONE);
    this.#isFirst = new Uint8Array(size);
    const last = new Uint32Array(size);
    const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * size + 1))).fill(NONE);
    let distinct = 0;
    for (let row = 0; row < size; row++) {
      let slot = hashOf(bits, row, table.dim) & (slots.length - 1);
      while (slots[slot] !== NONE && !areEqual(bits, slots[slot], row, table.dim))
        slot = (slot + 1) & (slots.length - 1);
      const first = slots[slot];
      if (first === NONE) {
        slots[slot] = row;
        last[row] = row;
        this.#isFirst[row] = 1;
        distinct++;
      } else {
        this.#next[last[first]] = row;
        last[first] = row;
      }
    }
    this.distinct = distinct;
  }

  isFirst(row: number): boolean {
    return this.#isFirst[row] === 1;
  }

  /** Each of `firsts` with the rows that equal it, at most `each`. */
  expanded(firsts: readonly number[], each: number): number[] {
    const rows: number[] = [];
    for (const first of firsts) {
      let row = first;
      for (let count = 0; count < each && row !== NONE; count++, row = this.#next[row]) rows.push(row);
    }
    return rows;
  }
}

function hashOf(bits: Uint32Array, row: number, dim: number): number {
  let hash = HASH_START;
  for (let at = row * dim; at < (row + 1) * dim; at++) {
    hash = Math.imul(hash ^ bits[at], HASH_FACTOR);
    hash ^= hash >>> 15;
  }
  return hash;
}

function areEqual(bits: Uint32Array, a: number, b: number, dim: number): boolean {
  for (let i = 0; i < dim; i++) if (bits[a * dim + i] !== bits[b * dim + i]) return false;
  return true;
}
