import type { Bm25Terms } from '../../../common/text/bm25-query.ts';
import type { Postings } from '../../../common/text/postings.ts';

/** The distinct terms of one document, and their share of its words. */
export interface TermShares {
  readonly termIds: Uint32Array;
  readonly shares: Float32Array;
}

/**
 * Postings turned round: the terms of each document, for profiles. Documents that changed since are cut into words when
 * they are first asked for.
 */
export class DocumentTerms {
  readonly #offsets: Uint32Array;
  readonly #termIds: Uint32Array;
  readonly #shares: Float32Array;
  readonly #terms: Bm25Terms;
  readonly #changedWords: (row: number) => readonly string[] | undefined;
  readonly #changed = new Map<number, TermShares>();

  /** `changedWords`: the words of a document that is no longer as in the postings, else undefined. */
  constructor(
    postings: Postings,
    terms: Bm25Terms,
    changedWords: (row: number) => readonly string[] | undefined,
  ) {
    const { words, offsets, rows, counts, lengths } = postings;
    this.#terms = terms;
    this.#changedWords = changedWords;
    this.#offsets = new Uint32Array(lengths.length + 1);
    this.#termIds = new Uint32Array(rows.length);
    this.#shares = new Float32Array(rows.length);
    for (const row of rows) this.#offsets[row + 1]++;
    for (let row = 0; row < lengths.length; row++) this.#offsets[row + 1] += this.#offsets[row];
    const next = this.#offsets.slice(0, lengths.length);
    for (let term = 0; term < words.length; term++) {
      for (let at = offsets[term]; at < offsets[term + 1]; at++) {
        const to = next[rows[at]]++;
        this.#termIds[to] = term;
        this.#shares[to] = counts[at] / lengths[rows[at]];
      }
    }
  }

  of(row: number): TermShares {
    const known = this.#changed.get(row);
    if (known !== undefined) return known;
    const words = this.#changedWords(row);
    if (words !== undefined) {
      const shares = this.#sharesOf(words);
      this.#changed.set(row, shares);
      return shares;
    }
    const [start, end] = [this.#offsets[row], this.#offsets[row + 1]];
    return { termIds: this.#termIds.subarray(start, end), shares: this.#shares.subarray(start, end) };
  }

  /** The document has changed: its words are asked for anew. */
  forget(row: number): void {
    this.#changed.delete(row);
  }

  #sharesOf(words: readonly string[]): TermShares {
    const shares = new Map<number, number>();
    for (const word of words) {
      const term = this.#terms.termId(word);
      if (term !== undefined) shares.set(term, (shares.get(term) ?? 0) + 1 / words.length);
    }
    return { termIds: Uint32Array.from(shares.keys()), shares: Float32Array.from(shares.values()) };
  }
}
