import { Part } from '../../../common/bundle/manifest.ts';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { Bm25Index, Bm25Scratch } from '../../../common/text/bm25.ts';
import { Bm25Delta } from '../../../common/text/bm25-delta.ts';
import { itemText } from '../../../common/text/item-text.ts';
import { decodePostings, type Postings } from '../../../common/text/postings.ts';
import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import type { CandidatesConfig } from '../config.ts';
import type { Hits } from '../hits.ts';
import type { Query } from '../query.ts';
import { DocumentTerms } from './document-terms.ts';
import { Bm25Profile } from './profile.ts';
import type { Source, SourceContext } from './source.ts';

/** Rows selected, at most: so many quotas, the others for items that the query skips. */
const STRETCH = 10;

/**
 * Items by BM25 of their text, the query being the terms of the latest positives' (or the seeds') texts. Items that
 * changed after the bundle was built are searched in a delta from the moment that the catalogue has them.
 */
export async function openBm25({ bundle, catalogue, config }: SourceContext): Promise<Source | undefined> {
  if (!bundle.has(Part.bm25)) return undefined;
  const postings = await bundle.decoded(Part.bm25, decodePostings);
  return new Bm25Source(postings, catalogue, bundle.manifest.catalogueEpoch, config.bm25);
}

class Bm25Source implements Source {
  readonly #catalogue: Catalogue;
  readonly #index: Bm25Index;
  readonly #delta: Bm25Delta;
  readonly #terms: DocumentTerms;
  readonly #profile: Bm25Profile;
  readonly #historyMax: number;
  readonly #scratch = new Bm25Scratch();
  /** The item by ordinal whose text is searched now; undefined: none. */
  readonly #searched: (Item | undefined)[] = [];
  readonly #stop: () => void;

  /** `epoch`: the catalogue's when the postings were built. */
  constructor(postings: Postings, catalogue: Catalogue, epoch: number, config: CandidatesConfig['bm25']) {
    const { variant, k1, b } = config;
    this.#catalogue = catalogue;
    this.#index = new Bm25Index(postings, { variant, k1, b });
    this.#delta = new Bm25Delta(this.#index);
    this.#terms = new DocumentTerms(postings, this.#delta, (ordinal) => this.#changedWords(ordinal));
    this.#profile = new Bm25Profile(this.#terms, this.#delta, config);
    this.#historyMax = config.historyMax;
    const changed = new Set(catalogue.changedSince(epoch));
    for (let ordinal = 0; ordinal < Math.max(catalogue.size, postings.lengths.length); ordinal++) {
      const item = catalogue.item(ordinal);
      if (item === undefined || changed.has(ordinal) || ordinal >= postings.lengths.length) {
        this.#follow(ordinal);
      } else this.#searched[ordinal] = item;
    }
    this.#stop = catalogue.onChange((ordinal) => {
      if (this.#searched[ordinal] !== catalogue.item(ordinal)) this.#follow(ordinal);
    });
  }

  retrieve(query: Query, quota: number, out: Hits): void {
    const { items } = query.latest(this.#historyMax);
    const profile = this.#profile.query(items, query.seeded);
    const wanted = Math.min(quota + query.skipCount, STRETCH * quota);
    const { rows, scores, count } = this.#index.search(profile, wanted, this.#scratch, this.#delta);
    for (let i = 0; i < count && out.count < quota; i++)
      if (!query.skips(rows[i])) out.push(rows[i], scores[i]);
  }

  close(): void {
    this.#stop();
  }

  #follow(ordinal: number): void {
    const item = this.#catalogue.item(ordinal);
    this.#searched[ordinal] = item;
    this.#terms.forget(ordinal);
    if (item === undefined) this.#delta.remove(ordinal);
    else this.#delta.add(ordinal, itemText(item));
  }

  /** The words of an item whose text is in the delta; undefined for others. */
  #changedWords(ordinal: number): readonly string[] | undefined {
    if (ordinal < this.#index.rowCount && !this.#delta.hides(ordinal)) return undefined;
    const item = this.#catalogue.item(ordinal);
    return item === undefined ? [] : this.#index.tokeniser.tokenise(itemText(item));
  }
}
