import type { Bm25Query, Bm25Terms } from '../../../common/text/bm25-query.ts';
import { TopK } from '../../../common/top-k.ts';
import type { DocumentTerms } from './document-terms.ts';

/**
 * Documents as one query, after Rocchio (1971): the sum of their term shares, an older document's fading with its age, cut
 * to the terms of greatest weight · idf.
 */
export class Bm25Profile {
  readonly #documents: DocumentTerms;
  readonly #terms: Bm25Terms;
  readonly #halfLifeEvents: number;
  readonly #termsMax: number;
  readonly #weights = new Map<number, number>();
  readonly #top = new TopK();

  constructor(
    documents: DocumentTerms,
    terms: Bm25Terms,
    options: { halfLifeEvents: number; termsMax: number },
  ) {
    this.#documents = documents;
    this.#terms = terms;
    this.#halfLifeEvents = options.halfLifeEvents;
    this.#termsMax = options.termsMax;
  }

  /** `rows`: oldest first. `alike`: all weigh the same whatever their age. */
  query(rows: Uint32Array, alike: boolean): Bm25Query {
    const weights = this.#weights;
    weights.clear();
    for (let i = 0; i < rows.length; i++) {
      const fading = alike ? 1 : 2 ** (-(rows.length - 1 - i) / this.#halfLifeEvents);
      const { termIds, shares } = this.#documents.of(rows[i]);
      for (let t = 0; t < termIds.length; t++)
        weights.set(termIds[t], (weights.get(termIds[t]) ?? 0) + fading * shares[t]);
    }
    const top = this.#top;
    top.reset(this.#termsMax);
    for (const [term, weight] of weights) {
      const strength = weight * this.#terms.idf(term);
      if (strength > 0) top.offer(term, strength);
    }
    const termIds = top.rows.slice(0, top.sort());
    return { termIds, weights: Float64Array.from(termIds, (term) => weights.get(term) as number) };
  }
}
