import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { Bm25Index, Bm25Scratch } from './bm25.ts';
import { compileQuery } from './bm25-query.ts';
import type { Bm25Options, Bm25Variant } from './bm25-variants.ts';
import { BM25_VARIANTS, bm25Defaults, bm25Formula } from './bm25-variants.ts';
import { buildPostings, decodePostings, encodePostings } from './postings.ts';
import { createTokeniser } from './tokenise.ts';

const VECTORS = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors/bm25/variants.json');
const plain = createTokeniser({ stemmer: 'none', stopwords: 'none' });

interface Case extends Bm25Options {
  readonly corpus: string;
  readonly method: Bm25Variant;
  readonly query: string[];
  readonly scores: number[];
}

/** A score for every row: documents out of the hits score what the term-less share. */
function allScores(index: Bm25Index, query: readonly string[], scratch: Bm25Scratch): Float64Array {
  const compiled = compileQuery(index, query);
  const hits = index.search(compiled, index.rowCount, scratch);
  const absent = compiled.termIds.reduce(
    (sum, term, i) => sum + compiled.weights[i] * index.idf(term) * index.formula.absent,
    0,
  );
  const scores = new Float64Array(index.rowCount).fill(absent);
  for (let i = 0; i < hits.count; i++) scores[hits.rows[i]] = hits.scores[i];
  return scores;
}

function randomDocuments(random: Random, count: number): string[][] {
  return Array.from({ length: count }, () =>
    Array.from(
      { length: random.int(4) === 0 ? 0 : random.int(30) },
      () => `w${random.int(1 + random.int(40))}`,
    ),
  );
}

test.skipIf(!existsSync(VECTORS))(`the published vectors, all variants (needs ${VECTORS})`, () => {
  const { corpora, cases } = JSON.parse(readFileSync(VECTORS, 'utf8')) as {
    corpora: Record<string, string[][]>;
    cases: Case[];
  };
  const scratch = new Bm25Scratch();
  const seen = new Set<string>();
  for (const { corpus, method, k1, b, delta, query, scores } of cases) {
    const index = new Bm25Index(buildPostings(corpora[corpus], plain), {
      variant: method,
      k1,
      b,
      delta: delta ?? 0,
    });
    const got = allScores(index, query, scratch);
    scores.forEach((score, row) => {
      expect(Math.abs(got[row] - score), `${corpus} ${method} ${k1} ${b} [${query}] row ${row}`).toBeLessThan(
        1e-9,
      );
    });
    seen.add(method);
  }
  expect([...seen].sort()).toEqual([...BM25_VARIANTS].sort());
});

test.each(BM25_VARIANTS)(
  '%s: hits are the k best of the formula, ties by row, empty documents not counted',
  (variant) => {
    const random = new Random(5);
    const scratch = new Bm25Scratch();
    for (const k1 of [0, 1.2]) {
      const documents = randomDocuments(random, 120);
      const index = new Bm25Index(buildPostings(documents, plain), { variant, k1, b: 0.6 });
      const texts = documents.filter((words) => words.length > 0);
      const mean = texts.reduce((sum, words) => sum + words.length, 0) / texts.length;
      const formula = bm25Formula({ variant, k1, b: 0.6 });
      for (let round = 0; round < 20; round++) {
        const query = new Map(
          Array.from({ length: 4 }, () => [`w${random.int(40)}`, 0.25 + random.int(3)] as const),
        );
        const expected = documents.map((words, row) => {
          let score = 0;
          let held = 0;
          for (const [word, weight] of query) {
            const df = texts.filter((text) => text.includes(word)).length;
            if (df === 0) continue;
            const tf = words.filter((other) => other === word).length;
            const idf = formula.idf(texts.length, df);
            const gain = tf === 0 ? 0 : formula.gain(tf, formula.norm(words.length / mean));
            if (tf > 0 && idf > 0) held++;
            score += weight * idf * (gain + formula.absent);
          }
          return { row, score, held };
        });
        const hits = index.search(compileQuery(index, query), 10, scratch);
        const best = expected
          .filter(({ held }) => held > 0)
          .sort((a, b) => b.score - a.score || a.row - b.row);
        expect(hits.count).toBe(Math.min(10, best.length));
        for (let i = 0; i < hits.count; i++) {
          expect(hits.scores[i]).toBeCloseTo(best[i].score, 10);
          expect(hits.scores[i]).toBeCloseTo(expected[hits.rows[i]].score, 10);
          if (i > 0 && hits.scores[i] === hits.scores[i - 1])
            expect(hits.rows[i]).toBeGreaterThan(hits.rows[i - 1]);
        }
        expect(new Set(hits.rows.subarray(0, hits.count)).size).toBe(hits.count);
      }
    }
  },
);

test('repeats of a word add up and a Map weighs words; unknown words and weight 0 are left out', () => {
  const index = new Bm25Index(buildPostings(['red fox', 'red dog', 'cat'], plain), bm25Defaults);
  const fromList = compileQuery(index, ['red', 'red', 'unicorn']);
  expect(
    compileQuery(
      index,
      new Map([
        ['red', 2],
        ['fox', 0],
        ['unicorn', 9],
      ]),
    ),
  ).toEqual(fromList);
  expect([...fromList.weights]).toEqual([2]);
  expect(() => compileQuery(index, new Map([['red', Number.NaN]]))).toThrow('query weight of "red" is NaN');
  expect(() => compileQuery(index, new Map([['red', -1]]))).toThrow('query weight of "red" is -1');
});

test('a long profile keeps its strongest words by weight times idf', () => {
  const index = new Bm25Index(buildPostings(['a b', 'a c', 'a d', 'a'], plain), bm25Defaults);
  const query = compileQuery(
    index,
    new Map([
      ['a', 2],
      ['b', 1],
      ['c', 3],
      ['d', 1],
    ]),
    2,
  );
  expect([...query.termIds]).toEqual([index.termId('c'), index.termId('b')]);
});

test('written and read back, at any alignment, it answers the same; damage is refused', () => {
  const documents = ['The Thing', '', 'Das Ding \u{1F600}', 'thing 東京', '\uFEFF'];
  const postings = buildPostings(documents, createTokeniser({ stemmer: 'porter', stopwords: ['the'] }));
  const bytes = encodePostings(postings);
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  expect(decodePostings(shifted.subarray(3))).toEqual(postings);
  const index = new Bm25Index(decodePostings(bytes), bm25Defaults);
  expect(index.tokeniser.tokenise('the things')).toEqual(['thing']);
  expect([...index.search(compileQuery(index, ['thing']), 9, new Bm25Scratch()).rows.subarray(0, 2)]).toEqual(
    [0, 3],
  );
  expect(() => decodePostings(bytes.subarray(0, bytes.length - 8))).toThrow('text.postings');
  const wrongRow = encodePostings({ ...postings, rows: postings.rows.map((row) => row + 4) });
  expect(() => decodePostings(wrongRow)).toThrow('is row');
  const wrongOffsets = encodePostings({ ...postings, offsets: postings.offsets.map((offset) => offset * 2) });
  expect(() => decodePostings(wrongOffsets)).toThrow('offsets end at');
});

test('words that are given as tokens may hold anything', () => {
  const postings = buildPostings([['\uFEFFx', 'a\nb', ''], ['a\nb']], plain);
  expect(decodePostings(encodePostings(postings)).words).toEqual(['\uFEFFx', 'a\nb', '']);
});

test('parameters out of range are refused by name', () => {
  expect(() => bm25Formula({ variant: 'lucene', k1: -1, b: 0 })).toThrow('bm25 k1 is -1');
  expect(() => bm25Formula({ variant: 'lucene', k1: 1, b: 1.5 })).toThrow('bm25 b is 1.5');
  expect(() => bm25Formula({ variant: 'bm25+', k1: 1, b: 1, delta: Number.NaN })).toThrow(
    'bm25 delta is NaN',
  );
});

test('an empty collection and k = 0 find nothing', () => {
  const empty = new Bm25Index(buildPostings([], plain), bm25Defaults);
  expect(empty.search(compileQuery(empty, ['x']), 5, new Bm25Scratch()).count).toBe(0);
  const index = new Bm25Index(buildPostings(['x', 'y'], plain), bm25Defaults);
  expect(index.search(compileQuery(index, ['x']), 0, new Bm25Scratch()).count).toBe(0);
});
