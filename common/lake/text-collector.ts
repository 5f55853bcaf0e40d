import type { DuckDBVector } from '@duckdb/node-api';
import type { CodedTexts } from './lake-columns.ts';

/** DuckDB's string_t: u32 length, then up to 12 bytes in place, zeros after them; of longer texts the address is there. */
const TEXT_WORDS = 4;
const INLINE_BYTES_MAX = 12;
const SLOTS = 1_024;
const FREE = -1;

/** A vector of texts as it lies in memory: the package's declarations leave its parts out. */
interface RawTexts {
  readonly dataView: DataView;
  readonly validity: { readonly data: BigUint64Array | null };
}

/** Numbers the texts of a column by their first rows. A text that DuckDB holds in place is made a string only the first time. */
export class TextCollector {
  readonly #values: string[] = [];
  readonly #parts: Int32Array[] = [];
  #count = 0;
  /** Codes by hash of the text in place; a code's words are in `words`. */
  #slots = new Int32Array(SLOTS).fill(FREE);
  #words = new Uint32Array(TEXT_WORDS * (SLOTS / 2));
  readonly #long = new Map<string, number>();

  add(vector: DuckDBVector, rows: number): void {
    const { dataView, validity } = vector as unknown as RawTexts;
    const words = new Uint32Array(dataView.buffer, dataView.byteOffset, rows * TEXT_WORDS);
    const valid =
      validity.data === null
        ? undefined
        : new Uint8Array(validity.data.buffer, validity.data.byteOffset, validity.data.byteLength);
    const codes = new Int32Array(rows);
    let before = -1;
    for (let row = 0; row < rows; row++) {
      if (valid !== undefined && (valid[row >> 3] & (1 << (row & 7))) === 0) codes[row] = -1;
      else {
        const same = before >= 0 && equal(words, before * TEXT_WORDS, words, row * TEXT_WORDS);
        codes[row] = same ? codes[before] : this.#code(vector, row, words);
        before = row;
      }
    }
    this.#parts.push(codes);
    this.#count += rows;
  }

  done(): CodedTexts {
    const codes = new Int32Array(this.#count);
    let at = 0;
    for (const part of this.#parts) {
      codes.set(part, at);
      at += part.length;
    }
    return { values: this.#values, codes };
  }

  #code(vector: DuckDBVector, row: number, words: Uint32Array): number {
    const at = row * TEXT_WORDS;
    if (words[at] > INLINE_BYTES_MAX) return this.#longCode(vector.getItem(row) as string);
    const mask = this.#slots.length - 1;
    let slot = hashOf(words, at) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const code = this.#slots[slot];
      if (code === FREE) break;
      if (equal(this.#words, code * TEXT_WORDS, words, at)) return code;
    }
    const code = this.#values.push(vector.getItem(row) as string) - 1;
    this.#keep(code, slot, words, at);
    return code;
  }

  #longCode(text: string): number {
    const known = this.#long.get(text);
    if (known !== undefined) return known;
    const code = this.#values.push(text) - 1;
    this.#long.set(text, code);
    return code;
  }

  #keep(code: number, slot: number, words: Uint32Array, at: number): void {
    if ((code + 1) * TEXT_WORDS > this.#words.length) {
      const larger = new Uint32Array((code + 1) * TEXT_WORDS * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    for (let i = 0; i < TEXT_WORDS; i++) this.#words[code * TEXT_WORDS + i] = words[at + i];
    this.#slots[slot] = code;
    if (2 * this.#values.length > this.#slots.length) this.#widen();
  }

  #widen(): void {
    const wider = new Int32Array(4 * this.#slots.length).fill(FREE);
    const mask = wider.length - 1;
    for (const code of this.#slots) {
      if (code === FREE) continue;
      let slot = hashOf(this.#words, code * TEXT_WORDS) & mask;
      while (wider[slot] !== FREE) slot = (slot + 1) & mask;
      wider[slot] = code;
    }
    this.#slots = wider;
  }
}

function equal(left: Uint32Array, at: number, right: Uint32Array, other: number): boolean {
  return (
    left[at + 1] === right[other + 1] &&
    left[at + 2] === right[other + 2] &&
    left[at + 3] === right[other + 3] &&
    left[at] === right[other]
  );
}

/** Of the words of a text in place; the multipliers are those of xxHash's 32-bit form. */
function hashOf(words: Uint32Array, at: number): number {
  let hash = words[at] + Math.imul(words[at + 1], 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77) + words[at + 2];
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae3d) + words[at + 3];
  hash = Math.imul(hash ^ (hash >>> 15), 0x27d4eb2f);
  return hash ^ (hash >>> 16);
}
