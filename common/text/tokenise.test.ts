import { expect, test } from 'vitest';
import { createTokeniser } from './tokenise.ts';

const plain = createTokeniser({ stemmer: 'none', stopwords: 'none' });

test('words are lower-case runs of letters, marks and digits in any script', () => {
  expect(plain.tokenise('The Matrix: Reloaded (2003)')).toEqual(['the', 'matrix', 'reloaded', '2003']);
  expect(plain.tokenise('Amélie_ÉTÉ, Ще не вмерла; 東京物語')).toEqual([
    'amélie',
    'été',
    'ще',
    'не',
    'вмерла',
    '東京物語',
  ]);
  expect(plain.tokenise(' …—!? ')).toEqual([]);
});

test('composed, decomposed and full-width spellings are one word', () => {
  expect(plain.tokenise('e\u0301te\u0301')).toEqual(plain.tokenise('été'));
  expect(plain.tokenise('ＡＢＣ１２')).toEqual(['abc12']);
});

test('apostrophes inside words go, possessives lose their s', () => {
  expect(plain.tokenise("Don't touch Ocean’s 'Eleven', O'Neill")).toEqual([
    'dont',
    'touch',
    'ocean',
    'eleven',
    'oneill',
  ]);
});

test('stopwords are left out before stemming; words outside a–z are not stemmed', () => {
  const english = createTokeniser({ stemmer: 'porter', stopwords: 'english' });
  expect(english.tokenise('The relational hopping of the déjàs 4runners')).toEqual([
    'relat',
    'hop',
    'déjàs',
    '4runners',
  ]);
  const own = createTokeniser({ stemmer: 'porter', stopwords: ['hopping'] });
  expect(own.tokenise('hopping hops')).toEqual(['hop']);
});
