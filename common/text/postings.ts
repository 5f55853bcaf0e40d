import { z } from 'zod';
import { packArrays, unpackArrays } from '../arrays.ts';
import { MillraceError } from '../errors.ts';
import type { Tokeniser, TokeniserOptions } from './tokenise.ts';

/** Term counts of a collection in compressed sparse rows: of term t, the entries `offsets[t]` up to `offsets[t + 1]`. */
export interface Postings {
  /** How documents were cut into words; queries must be cut the same way. */
  readonly tokeniser: TokeniserOptions;
  /** Term id → word, in order of first appearance. */
  readonly words: readonly string[];
  /** Length terms + 1. */
  readonly offsets: Uint32Array;
  /** Document row of each entry, ascending within a term. */
  readonly rows: Uint32Array;
  /** How often the term stands in that document, ≥ 1. */
  readonly counts: Uint32Array;
  /** Words of each document; 0 for one without text. */
  readonly lengths: Uint32Array;
}

/**
 * One row a document, in the order given: text, or words that are already cut. An ordinal without text takes an empty one.
 */
export function buildPostings(
  documents: Iterable<string | readonly string[]>,
  tokeniser: Tokeniser,
): Postings {
  const words = new Map<string, number>();
  const entryTerms = new GrowingList();
  const entryRows = new GrowingList();
  const entryCounts = new GrowingList();
  const lengths = new GrowingList();
  const entryOf = new GrowingList();
  for (const document of documents) {
    const row = lengths.length;
    const cut = typeof document === 'string' ? tokeniser.tokenise(document) : document;
    for (const word of cut) {
      let term = words.get(word);
      if (term === undefined) {
        term = words.size;
        words.set(word, term);
        entryOf.push(entryTerms.length);
      }
      const entry = entryOf.values[term];
      if (entry < entryTerms.length && entryTerms.values[entry] === term && entryRows.values[entry] === row) {
        entryCounts.values[entry]++;
        continue;
      }
      entryOf.values[term] = entryTerms.length;
      entryTerms.push(term);
      entryRows.push(row);
      entryCounts.push(1);
    }
    lengths.push(cut.length);
  }
  const byTerm = sortByTerm(words.size, entryTerms.slice(), entryRows.slice(), entryCounts.slice());
  return { tokeniser: tokeniser.options, words: [...words.keys()], lengths: lengths.slice(), ...byTerm };
}

/** A counting sort, so that rows stay ascending within a term. */
function sortByTerm(termCount: number, terms: Uint32Array, entryRows: Uint32Array, entryCounts: Uint32Array) {
  const offsets = new Uint32Array(termCount + 1);
  for (const term of terms) offsets[term + 1]++;
  for (let term = 0; term < termCount; term++) offsets[term + 1] += offsets[term];
  const next = offsets.slice(0, termCount);
  const rows = new Uint32Array(terms.length);
  const counts = new Uint32Array(terms.length);
  for (let entry = 0; entry < terms.length; entry++) {
    const at = next[terms[entry]]++;
    rows[at] = entryRows[entry];
    counts[at] = entryCounts[entry];
  }
  return { offsets, rows, counts };
}

const KIND = 'text.postings';

const metaSchema = z.strictObject({
  tokeniser: z.strictObject({
    stemmer: z.enum(['none', 'porter']),
    stopwords: z.union([z.enum(['none', 'english']), z.array(z.string())]),
  }),
});

export function encodePostings(postings: Postings): Uint8Array {
  const { tokeniser, words, offsets, rows, counts, lengths } = postings;
  const ends = new Uint32Array(words.length);
  let end = 0;
  words.forEach((word, term) => {
    end += word.length;
    ends[term] = end;
  });
  const text = new TextEncoder().encode(words.join(''));
  return packArrays(KIND, { tokeniser }, { ends, text, offsets, rows, counts, lengths });
}

/** Reads what `encodePostings` wrote, as views of `bytes`. BUNDLE_DAMAGED, naming what is wrong, where they do not fit together. */
export function decodePostings(bytes: Uint8Array): Postings {
  const part = unpackArrays(bytes, KIND);
  const { tokeniser } = part.meta(metaSchema);
  const ends = part.array('ends', 'u32');
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(part.array('text', 'u8'));
  const words = Array.from(ends, (end, term) => text.slice(term === 0 ? 0 : ends[term - 1], end));
  const rows = part.array('rows', 'u32');
  const postings: Postings = {
    tokeniser,
    words,
    rows,
    offsets: part.array('offsets', 'u32', words.length + 1),
    counts: part.array('counts', 'u32', rows.length),
    lengths: part.array('lengths', 'u32'),
  };
  checkPostings(postings);
  return postings;
}

function checkPostings({ words, offsets, rows, counts, lengths }: Postings): void {
  if (offsets[0] !== 0 || offsets[words.length] !== rows.length) {
    throw damaged(`${KIND}: offsets end at ${offsets[words.length]} of ${rows.length} entries`);
  }
  for (let term = 0; term < words.length; term++) {
    if (offsets[term] > offsets[term + 1]) throw damaged(`${KIND}: offsets fall after term ${term}`);
    for (let at = offsets[term]; at < offsets[term + 1]; at++) {
      const ascending = at === offsets[term] || rows[at] > rows[at - 1];
      if (!ascending || rows[at] >= lengths.length || counts[at] === 0) {
        throw damaged(`${KIND}: entry ${at} of term ${term} is row ${rows[at]}, count ${counts[at]}`);
      }
    }
  }
}

function damaged(message: string): MillraceError {
  return new MillraceError('BUNDLE_DAMAGED', message);
}

/** A Uint32Array that doubles. */
class GrowingList {
  values = new Uint32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const grown = new Uint32Array(2 * this.length);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.length++] = value;
  }

  slice(): Uint32Array {
    return this.values.slice(0, this.length);
  }
}
