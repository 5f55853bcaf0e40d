import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { Bm25Index, Bm25Scratch } from './bm25.ts';
import { Bm25Delta } from './bm25-delta.ts';
import { compileQuery } from './bm25-query.ts';
import { BM25_VARIANTS, bm25Defaults } from './bm25-variants.ts';
import { buildPostings } from './postings.ts';
import { createTokeniser } from './tokenise.ts';

const plain = createTokeniser({ stemmer: 'none', stopwords: 'none' });
const scratch = new Bm25Scratch();

function search(base: Bm25Index, delta: Bm25Delta, words: string[], k = 1000): [number, number][] {
  const hits = base.search(compileQuery(delta, words), k, scratch, delta);
  return Array.from(hits.rows.subarray(0, hits.count), (row, i) => [row, hits.scores[i]]);
}

test('a new document is found at once by old and new words, a changed one by its new text only, a removed one not', () => {
  const base = new Bm25Index(
    buildPostings(['red fox', 'blue fox', 'green frog', 'grey owl'], plain),
    bm25Defaults,
  );
  const delta = new Bm25Delta(base);
  delta.add(9, 'A zebra and a fox');
  expect(search(base, delta, ['zebra']).map(([row]) => row)).toEqual([9]);
  expect(search(base, delta, ['fox']).map(([row]) => row)).toEqual([0, 1, 9]);
  delta.add(1, 'blue whale');
  expect(search(base, delta, ['fox']).map(([row]) => row)).toEqual([0, 9]);
  expect(search(base, delta, ['whale', 'blue']).map(([row]) => row)).toEqual([1]);
  delta.remove(0);
  delta.remove(9);
  expect(search(base, delta, ['fox'])).toEqual([]);
  delta.add(0, 'fox');
  expect(search(base, delta, ['fox']).map(([row]) => row)).toEqual([0]);
  expect(delta.size).toBe(2);
});

test.each(BM25_VARIANTS)('%s: the same text scores the same in the delta as in the base', (variant) => {
  const random = new Random(3);
  const options = { variant, k1: 1.2, b: 0.75 };
  const documents = Array.from({ length: 90 }, () =>
    Array.from({ length: 1 + random.int(20) }, () => `w${random.int(50)}`),
  );
  const base = new Bm25Index(buildPostings(documents, plain), options);
  const untouched = new Bm25Delta(base);
  const delta = new Bm25Delta(base);
  for (let round = 0; round < 20; round++) {
    for (const row of random.shuffle(documents.map((_, i) => i))) {
      if (random.int(3) > 0) delta.add(row, documents[row]);
    }
  }
  for (let word = 0; word < 50; word++) {
    const words = [`w${word}`, `w${random.int(50)}`, 'w0'];
    const expected = search(base, untouched, words);
    expect(search(base, delta, words)).toEqual(expected);
    expect(search(base, delta, words, 7)).toEqual(expected.slice(0, 7));
  }
});

test('over a base without text everything comes from the delta', () => {
  const base = new Bm25Index(buildPostings(['', ''], plain), bm25Defaults);
  const delta = new Bm25Delta(base);
  delta.add(1, 'first words');
  expect(search(base, delta, ['words']).map(([row]) => row)).toEqual([1]);
});
