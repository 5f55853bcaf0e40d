import { TopK } from '../top-k.ts';
import type { Bm25Query } from './bm25-query.ts';
import type { Bm25Formula, Bm25Options } from './bm25-variants.ts';
import { bm25Formula } from './bm25-variants.ts';
import type { Postings } from './postings.ts';
import type { Tokeniser } from './tokenise.ts';
import { createTokeniser } from './tokenise.ts';

/** Best first, ties by row ascending. Entries from `count` on mean nothing. */
export interface Bm25Hits {
  readonly count: number;
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
}

/** What a search works in. One serves one search at a time, on any index; it grows to the largest and is never shrunk. */
export class Bm25Scratch {
  /** Sum by row, all 0 between searches. */
  sums = new Float64Array(0);
  touched = new Uint32Array(0);
  readonly top = new TopK();

  fit(rowCount: number): void {
    if (this.sums.length >= rowCount) return;
    this.sums = new Float64Array(rowCount);
    this.touched = new Uint32Array(rowCount);
  }
}

/** Documents that came after the index was built. Its scores are comparable with the index's. */
export interface Bm25Overlay {
  /** Whether the index's own document of `row` is gone or replaced. */
  hides(row: number): boolean;
  /** Offers every document of the overlay that holds a term of the query. `common`: what the terms add to every document. */
  offer(query: Bm25Query, common: number, top: TopK): void;
}

/**
 * BM25 over immutable postings, by accumulation term after term. What a posting adds is computed when the index is made,
 * so one set of postings serves any variant and parameters, and a search only adds and selects. N and the mean length
 * count documents that have text.
 */
export class Bm25Index {
  readonly rowCount: number;
  readonly termCount: number;
  readonly tokeniser: Tokeniser;
  readonly formula: Bm25Formula;
  /** Documents with text: N. */
  readonly documentCount: number;
  /** Words a document with text; 1 where there is none. */
  readonly lengthMean: number;
  readonly #termIds = new Map<string, number>();
  readonly #offsets: Uint32Array;
  readonly #rows: Uint32Array;
  readonly #idf: Float64Array;
  /** What each posting adds at weight 1, beyond what the term adds to every document. */
  readonly #gains: Float64Array;

  constructor(postings: Postings, options: Bm25Options) {
    const { words, offsets, rows, lengths } = postings;
    this.rowCount = lengths.length;
    this.termCount = words.length;
    this.tokeniser = createTokeniser(postings.tokeniser);
    this.formula = bm25Formula(options);
    this.#offsets = offsets;
    this.#rows = rows;
    let documentCount = 0;
    let wordCount = 0;
    for (const length of lengths) {
      wordCount += length;
      if (length > 0) documentCount++;
    }
    this.documentCount = documentCount;
    this.lengthMean = documentCount === 0 ? 1 : wordCount / documentCount;
    words.forEach((word, term) => {
      this.#termIds.set(word, term);
    });
    this.#idf = Float64Array.from(words, (_, term) =>
      this.formula.idf(documentCount, offsets[term + 1] - offsets[term]),
    );
    this.#gains = this.#gainsOf(postings);
  }

  termId(word: string): number | undefined {
    return this.#termIds.get(word);
  }

  idf(termId: number): number {
    return this.#idf[termId];
  }

  /**
   * The best `k` documents that share a term of idf above 0 with the query, so fewer where fewer do; a document with none
   * scores no higher. Terms beyond the index's own are the overlay's affair. The hits are views of `scratch`, good until
   * its next search.
   */
  search(query: Bm25Query, k: number, scratch: Bm25Scratch, overlay?: Bm25Overlay): Bm25Hits {
    scratch.fit(this.rowCount);
    const touchedCount = this.#accumulate(query, scratch);
    const { sums, touched, top } = scratch;
    const common = this.#commonScore(query);
    top.reset(k);
    let floor = top.floor;
    for (let i = 0; i < touchedCount; i++) {
      const row = touched[i];
      const score = sums[row] + common;
      sums[row] = 0;
      if (score < floor || overlay?.hides(row)) continue;
      top.offer(row, score);
      floor = top.floor;
    }
    overlay?.offer(query, common, top);
    return { count: top.sort(), rows: top.rows, scores: top.scores };
  }

  /** Adds every posting of the query to `sums` and lists the rows reached; returns how many. */
  #accumulate({ termIds, weights }: Bm25Query, { sums, touched }: Bm25Scratch): number {
    const rows = this.#rows;
    const gains = this.#gains;
    let touchedCount = 0;
    for (let i = 0; i < termIds.length; i++) {
      const term = termIds[i];
      if (term >= this.termCount || this.#idf[term] === 0) continue;
      const weight = weights[i];
      const end = this.#offsets[term + 1];
      for (let at = this.#offsets[term]; at < end; at++) {
        const row = rows[at];
        const sum = sums[row];
        if (sum === 0) touched[touchedCount++] = row;
        sums[row] = sum + weight * gains[at];
      }
    }
    return touchedCount;
  }

  /** What the query's terms add to every document, whether it holds them or not. */
  #commonScore({ termIds, weights }: Bm25Query): number {
    if (this.formula.absent === 0) return 0;
    let common = 0;
    for (let i = 0; i < termIds.length; i++) {
      if (termIds[i] < this.termCount) common += weights[i] * this.#idf[termIds[i]] * this.formula.absent;
    }
    return common;
  }

  #gainsOf({ offsets, rows, counts, lengths }: Postings): Float64Array {
    const { formula, lengthMean, termCount } = this;
    const norms = Float64Array.from(lengths, (length) => formula.norm(length / lengthMean));
    const gains = new Float64Array(rows.length);
    for (let term = 0; term < termCount; term++) {
      const idf = this.#idf[term];
      for (let at = offsets[term]; at < offsets[term + 1]; at++) {
        gains[at] = idf * formula.gain(counts[at], norms[rows[at]]);
      }
    }
    return gains;
  }
}
