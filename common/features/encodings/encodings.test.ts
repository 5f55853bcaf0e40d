import { describe, expect, test } from 'vitest';
import { symmetricEigen } from '../../models/symmetric-eigen.ts';
import { faultOf, fitRows, fitWords, numberEncoderOf, wordEncoderOf } from './encoders.ts';
import type { Fitted, NumberEncoding, WordEncoder, WordEncoding } from './encoding.ts';

const NAN = Number.NaN;

/** The columns of each value. */
function numbers(encoding: NumberEncoding, values: number[], fitted?: Fitted): number[][] {
  const encoder = numberEncoderOf(encoding, fitted);
  const width = encoder.columns.length;
  expect(encoder.encode).toHaveLength(width);
  return values.map((value) => encoder.encode.map((encode) => Math.fround(encode(value))));
}

/** The weighted sum of the codes' vectors by name of the column, zeros left out. */
function words({ columns, table, tableWidth, encode }: WordEncoder, value: string[]): Record<string, number> {
  const sums = new Map<string, number>();
  const rows = tableWidth === 0 ? 0 : table.length / tableWidth;
  const { codes, weights } = encode(value);
  for (const [i, code] of codes.entries()) {
    if (code < rows)
      for (let d = 0; d < tableWidth; d++)
        sums.set(columns[d], (sums.get(columns[d]) ?? 0) + weights[i] * table[code * tableWidth + d]);
    else sums.set(columns[code - rows], (sums.get(columns[code - rows]) ?? 0) + weights[i]);
  }
  return Object.fromEntries([...sums].filter(([, sum]) => sum !== 0));
}

function fitted(encoding: WordEncoding, values: string[][], together: string[][] = []): WordEncoder {
  return wordEncoderOf(encoding, fitWords(encoding, { values, together }));
}

describe('numbers', () => {
  test('as they are, and missing where they are', () => {
    expect(numbers({ kind: 'number' }, [2.5, NAN, 0])).toEqual([[2.5], [NAN], [0]]);
  });

  test('log keeps the sign', () => {
    const [[none], [one], [minus], [large], [missing]] = numbers({ kind: 'log' }, [
      0,
      Math.E - 1,
      -3,
      5_000,
      NAN,
    ]);
    expect([none, one]).toEqual([0, 1]);
    expect(minus).toBeCloseTo(-1.386294, 6);
    expect(large).toBeCloseTo(8.517393, 6);
    expect(missing).toBeNaN();
  });

  test('cyclic: a period apart is the same, a quarter is a right angle', () => {
    const [zero, quarter, half, whole, missing] = numbers({ kind: 'cyclic', period: 8 }, [0, 2, 4, 8, NAN]);
    expect(zero).toEqual([0, 1]);
    expect(quarter[0]).toBeCloseTo(1);
    expect(quarter[1]).toBeCloseTo(0);
    expect(half[1]).toBeCloseTo(-1);
    expect(whole[0]).toBeCloseTo(zero[0]);
    expect(missing).toEqual([NAN, NAN]);
  });

  test('z-score: mean and population deviation of what is known', () => {
    const parameters = fitRows({ kind: 'z-score' }, Float32Array.of(2, 4, 4, 4, 5, 5, 7, 9, NAN));
    expect([...parameters.numbers]).toEqual([5, 2]);
    expect(numbers({ kind: 'z-score' }, [9, 5, NAN], parameters)).toEqual([[2], [0], [NAN]]);
    const constant = fitRows({ kind: 'z-score' }, Float32Array.of(3, 3));
    expect(numbers({ kind: 'z-score' }, [3, 8, NAN], constant)).toEqual([[0], [0], [NAN]]);
    const nothing = fitRows({ kind: 'z-score' }, Float32Array.of(NAN));
    expect(numbers({ kind: 'z-score' }, [1.5, NAN], nothing)).toEqual([[1.5], [NAN]]);
  });

  test('quantile: the share below, linear between knots, the middle of ties', () => {
    const encoding = { kind: 'quantile', knots: 5 } as const;
    const parameters = fitRows(encoding, Float32Array.of(50, 10, 30, 20, 40, NAN));
    expect([...parameters.numbers]).toEqual([10, 20, 30, 40, 50]);
    const shares = numbers(encoding, [5, 10, 25, 30, 50, 99, NAN], parameters).flat();
    expect(shares).toEqual([0, 0, 0.375, 0.5, 1, 1, NAN]);
    const ties = fitRows(encoding, Float32Array.of(0, 0, 0, 0, 8));
    expect(numbers(encoding, [0, 4], ties).flat()).toEqual([0.375, 0.875]);
    expect(numbers(encoding, [1], fitRows(encoding, new Float32Array(0)))[0][0]).toBeNaN();
  });

  test('what is fitted on rows passes numbers on until it is', () => {
    expect(numbers({ kind: 'z-score' }, [7]).flat()).toEqual([7]);
  });
});

describe('words', () => {
  const films = [['war'], ['war', 'drama'], ['drama', 'war'], ['comedy'], ['drama', 'war']];

  test('one-hot: a column a frequent word, other for the rest', () => {
    const encoder = fitted({ kind: 'one-hot', max: 2 }, films);
    expect(encoder.columns).toEqual(['war', 'drama', 'other']);
    expect(words(encoder, ['drama'])).toEqual({ drama: 1 });
    expect(words(encoder, ['comedy'])).toEqual({ other: 1 });
    const fixed = fitted({ kind: 'one-hot', max: 9, values: ['mobile', 'tv'] }, films);
    expect(fixed.columns).toEqual(['mobile', 'tv', 'other']);
  });

  test('multi-hot: 1 for each word, the share of unseen ones in other', () => {
    const encoder = fitted({ kind: 'multi-hot', max: 2 }, films);
    expect(words(encoder, ['drama', 'war', 'drama'])).toEqual({ war: 1, drama: 1 });
    expect(words(encoder, ['war', 'noir', 'comedy'])).toEqual({ war: 1, other: 2 / 3 });
    expect(words(encoder, ['noir'])).toEqual({ other: 1 });
  });

  test('hashed: the same column and sign for a word everywhere, each word once', () => {
    const encoder = wordEncoderOf({ kind: 'hashed', buckets: 64 });
    const [[column, sign]] = Object.entries(words(encoder, ['Kurosawa']));
    expect([column, sign]).toEqual(Object.entries(words(encoder, ['Kurosawa', 'Kurosawa']))[0]);
    const all = Array.from({ length: 4_000 }, (_, i) => Object.values(words(encoder, [`w${i}`]))[0]);
    expect(Math.abs(all.reduce((sum, value) => sum + value, 0))).toBeLessThan(250);
    const columns = new Set(
      Array.from({ length: 4_000 }, (_, i) => Object.keys(words(encoder, [`w${i}`]))[0]),
    );
    expect(columns.size).toBe(64);
  });

  test('tf-idf: smoothed document frequencies, length 1 (as scikit-learn’s TfidfVectorizer)', () => {
    const texts = [
      ['this', 'is', 'the', 'first', 'document'],
      ['this', 'document', 'is', 'the', 'second', 'document'],
      ['and', 'this', 'is', 'the', 'third', 'one'],
      ['is', 'this', 'the', 'first', 'document'],
    ];
    const encoder = fitted({ kind: 'tf-idf', terms: 9 }, texts);
    const row = words(encoder, texts[0]);
    expect(row.document).toBeCloseTo(0.46979139, 8);
    expect(row.first).toBeCloseTo(0.58028582, 8);
    expect(row.is).toBeCloseTo(0.38408524, 8);
    const second = words(encoder, [...texts[1], 'unseen', 'unheard']);
    expect(second.document).toBeCloseTo(0.6876236, 7);
    expect(second.second).toBeCloseTo(0.53864762, 7);
    expect(second.other).toBeCloseTo(2 / 8);
  });

  test('embedding: words taken up together are near, an unseen value is missing and says so', () => {
    const taste = [
      ['war', 'drama', 'war'],
      ['war', 'drama'],
      ['cartoon', 'family'],
      ['family', 'cartoon'],
    ];
    const encoder = fitted({ kind: 'embedding', dim: 2, max: 10 }, [], taste);
    const at = (...value: string[]): number[] => {
      const sums = words(encoder, value);
      return [sums['0'] ?? 0, sums['1'] ?? 0];
    };
    const dot = (a: number[], b: number[]): number => a[0] * b[0] + a[1] * b[1];
    expect(Math.abs(dot(at('war'), at('cartoon')))).toBeLessThan(1e-9);
    expect(at('war', 'drama')[0]).toBeCloseTo((at('war')[0] + at('drama')[0]) / 2);
    expect(words(encoder, ['war', 'noir']).other).toBe(0.5);
    expect(words(encoder, ['noir'])).toEqual({ 0: NAN, 1: NAN, other: 1 });
  });

  test('word vectors: their products are the positive part of the mutual information', () => {
    const texts = [
      ['a', 'b'],
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'd'],
      ['d', 'a', 'c'],
    ];
    const { words: vocabulary, numbers: table } = fitWords(
      { kind: 'word-vectors', dim: 4, max: 4 },
      { values: texts, together: [] },
    );
    const pairs = texts.flatMap((text) =>
      text.flatMap((a) => text.filter((b) => b !== a).map((b) => [a, b])),
    );
    const count = (test: (pair: string[]) => boolean): number => pairs.filter(test).length;
    const pmi = (a: string, b: string): number => {
      const both = count((pair) => pair[0] === a && pair[1] === b);
      if (both === 0) return 0;
      const [p, q] = [count((pair) => pair[0] === a), count((pair) => pair[0] === b)];
      return Math.max(0, Math.log((both * pairs.length) / (p * q)));
    };
    const order = vocabulary.length;
    const matrix = Float64Array.from(
      vocabulary.flatMap((a) => vocabulary.map((b) => (a === b ? 0 : pmi(a, b)))),
    );
    const { values, vectors } = symmetricEigen(matrix, order);
    for (let i = 0; i < order; i++) {
      for (let j = 0; j < order; j++) {
        let product = 0;
        for (let d = 0; d < 4; d++) product += table[i * 4 + d] * table[j * 4 + d];
        let nearest = 0;
        for (let d = 0; d < order; d++)
          nearest += Math.max(0, values[d]) * vectors[i * order + d] * vectors[j * order + d];
        expect(product).toBeCloseTo(nearest, 6);
      }
    }
  });

  test('parameters that are not those of the encoding are found out', () => {
    const tf = { kind: 'tf-idf', terms: 4 } as const;
    expect(faultOf(tf, { words: ['a'], numbers: Float64Array.of(1) })).toBeUndefined();
    expect(faultOf(tf, { words: ['a'], numbers: Float64Array.of(1, 2) })).toContain('expected');
    expect(faultOf(tf, { words: ['a', 'a'], numbers: Float64Array.of(1, 2) })).toContain('twice');
    expect(faultOf({ kind: 'z-score' }, { words: [], numbers: Float64Array.of(1, NAN) })).toContain('finite');
    const knots = { kind: 'quantile', knots: 2 } as const;
    expect(faultOf(knots, { words: [], numbers: Float64Array.of(2, 1) })).toContain('ascending');
  });
});
