import { stemmer as porter } from 'stemmer';
import { ENGLISH_STOPWORDS } from './stopwords.ts';

export interface TokeniserOptions {
  /** `porter`: Porter's stemmer (Program 14(3), 1980; package `stemmer`), for English. Words outside a–z pass through. */
  readonly stemmer: 'none' | 'porter';
  /** Words left out, compared before stemming: `english`, or a list of lower-case words. */
  readonly stopwords: 'none' | 'english' | readonly string[];
}

export interface Tokeniser {
  readonly options: TokeniserOptions;
  /** The words of `text` in order, repeats kept. */
  tokenise(text: string): string[];
}

const WORD = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*/gu;
const POSSESSIVE = /['’]s$/u;
const APOSTROPHES = /['’]/gu;
const PLAIN_ENGLISH = /^[a-z]+$/;
const STEM_CACHE_MAX = 65_536;

/**
 * A word is a run of Unicode letters, marks and digits, after NFKC and lower-casing. An apostrophe inside a word is
 * removed (`don't` → `dont`), a possessive `'s` dropped (`cat's` → `cat`). Scripts written without spaces yield one
 * word a run. Neither the locale nor the process changes the result.
 */
export function createTokeniser(options: TokeniserOptions): Tokeniser {
  const stopwords = new Set(options.stopwords === 'english' ? ENGLISH_STOPWORDS : listOf(options.stopwords));
  const stem = options.stemmer === 'porter' ? cachedPorter() : undefined;
  const tokenise = (text: string): string[] => {
    const words: string[] = [];
    for (const match of text.normalize('NFKC').toLowerCase().match(WORD) ?? []) {
      const word = match.replace(POSSESSIVE, '').replace(APOSTROPHES, '');
      if (!stopwords.has(word)) words.push(stem === undefined ? word : stem(word));
    }
    return words;
  };
  return { options, tokenise };
}

function listOf(stopwords: 'none' | readonly string[]): readonly string[] {
  return stopwords === 'none' ? [] : stopwords;
}

function cachedPorter(): (word: string) => string {
  const stems = new Map<string, string>();
  return (word) => {
    if (!PLAIN_ENGLISH.test(word)) return word;
    const known = stems.get(word);
    if (known !== undefined) return known;
    if (stems.size >= STEM_CACHE_MAX) stems.clear();
    const stemmed = porter(word);
    stems.set(word, stemmed);
    return stemmed;
  };
}
