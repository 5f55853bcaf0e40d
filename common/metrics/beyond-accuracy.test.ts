import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interactionMatrix, transpose } from '../models/interactions.ts';
import { Random } from '../random.ts';
import { intraListDiversity, type Similarity, serendipity, setCosine } from './diversity.ts';
import { exposureOf } from './exposure.ts';
import { ratingErrors } from './rating.ts';

const FILE = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors/metrics/recommenders/cases.json');
const absent = !existsSync(FILE);

interface Beyond {
  readonly user_diversity: number[];
  readonly diversity: number;
  readonly user_serendipity: number[];
  readonly serendipity: number;
}

describe.skipIf(absent)(`the asserted cases of recommenders (needs ${join(FILE)})`, () => {
  const cases = absent ? undefined : JSON.parse(readFileSync(FILE, 'utf8'));

  it('give the same errors of ratings', () => {
    const { rating_true: truth, rating_pred: predicted, rating_errors: expected } = cases;
    const rows = (truth.user as number[]).flatMap((user, row) => {
      const at = (predicted.user as number[]).findIndex(
        (other, i) => other === user && predicted.item[i] === truth.item[row],
      );
      return at === -1 ? [] : [[predicted.prediction[at], truth.rating[row]]];
    });
    const found = ratingErrors(
      rows.map(([prediction]) => prediction),
      rows.map(([, rating]) => rating),
    );
    expect(found.rmse).toBeCloseTo(expected.rmse, 4);
    expect(found.mae).toBeCloseTo(expected.mae, 4);
    expect(found.r2).toBeCloseTo(expected.r2, 4);
    expect(found.explainedVariance).toBeCloseTo(expected.explained_variance, 4);
  });

  it('give the same coverage, entropy and novelty', () => {
    const { train, reco, ...expected } = cases.beyond_accuracy;
    const count = (lists: Record<string, number[]>): Uint32Array => {
      const counts = new Uint32Array(5);
      for (const item of Object.values(lists).flat()) counts[item - 1]++;
      return counts;
    };
    const found = exposureOf(count(reco), count(train));
    expect(found.coverage).toBeCloseTo(expected.catalog_coverage, 4);
    expect(found.entropy).toBeCloseTo(expected.distributional_coverage_entropy_bits, 4);
    expect(found.novelty).toBeCloseTo(expected.novelty, 4);
    for (const [item, novelty] of Object.entries<number>(expected.item_novelty_neg_log2))
      expect(exposureOf(count({ one: [Number(item)] }), count(train)).novelty).toBeCloseTo(novelty, 4);
  });

  it('give the same diversity and serendipity, by co-occurrence and by features', () => {
    const { train, reco, relevance, item_features, cooccurrence_cosine, feature_cosine } =
      cases.beyond_accuracy;
    const pairs = Object.entries<number[]>(train).flatMap(([user, items]) =>
      items.map((item) => [Number(user), item]),
    );
    const features = Object.entries<number[]>(item_features).flatMap(([item, flags]) =>
      flags.flatMap((flag, feature) => (flag === 1 ? [[Number(item), feature]] : [])),
    );
    const matrix = (rows: number[][]) =>
      interactionMatrix(
        { users: Uint32Array.from(rows, ([row]) => row), items: Uint32Array.from(rows, ([, at]) => at) },
        6,
        6,
      );
    const check = (similarity: Similarity, expected: Beyond) => {
      const diversities: number[] = [];
      const serendipities: number[] = [];
      Object.entries<number[]>(reco).forEach(([user, list], at) => {
        const relevant = new Set(list.filter((_, i) => relevance[user][i] === 1));
        diversities.push(intraListDiversity(list, similarity));
        serendipities.push(serendipity(list, relevant, train[user], similarity));
        expect(diversities[at]).toBeCloseTo(expected.user_diversity[at], 4);
        expect(serendipities[at]).toBeCloseTo(expected.user_serendipity[at], 4);
      });
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean(diversities)).toBeCloseTo(expected.diversity, 4);
      expect(mean(serendipities)).toBeCloseTo(expected.serendipity, 4);
    };
    check(setCosine(transpose(matrix(pairs))), cooccurrence_cosine);
    check(setCosine(matrix(features)), feature_cosine);
  });
});

it('exposure is even where all items are shown alike, and popular where the popular ones are', () => {
  const interactions = Uint32Array.of(8, 4, 2, 2);
  const even = exposureOf(Uint32Array.of(3, 3, 3, 3), interactions);
  expect(even).toMatchObject({
    coverage: 1,
    entropy: 2,
    gini: 0,
    popularity: 4,
    novelty: (1 + 2 + 3 + 3) / 4,
  });
  expect(exposureOf(Uint32Array.of(9, 0, 0, 0), interactions)).toEqual({
    coverage: 0.25,
    entropy: 0,
    gini: 0.75,
    popularity: 8,
    novelty: 1,
  });
  expect(exposureOf(new Uint32Array(3), interactions)).toMatchObject({ coverage: 0, gini: 0, novelty: 0 });
});

it('an item that nobody took up is as novel as one taken up once', () => {
  expect(exposureOf(Uint32Array.of(1, 0), Uint32Array.of(0, 16)).novelty).toBe(4);
});

it('the cosine of sets is the definition, whichever way round', () => {
  const random = new Random(17);
  const sets = Array.from({ length: 30 }, (_, i) => {
    const size = i === 0 ? 0 : random.int(i * 4);
    return new Set(Array.from({ length: size }, () => random.int(60)));
  });
  const rows = sets.flatMap((set, row) => [...set].map((column) => [row, column]));
  const cosine = setCosine(
    interactionMatrix(
      {
        users: Uint32Array.from(rows, ([row]) => row),
        items: Uint32Array.from(rows, ([, column]) => column),
      },
      30,
      60,
    ),
  );
  for (let a = 0; a < 30; a++) {
    for (let b = 0; b < 30; b++) {
      const common = [...sets[a]].filter((value) => sets[b].has(value)).length;
      const expected = common === 0 ? 0 : common / Math.sqrt(sets[a].size * sets[b].size);
      expect(cosine(a, b)).toBeCloseTo(expected, 14);
      expect(cosine(b, a)).toBe(cosine(a, b));
    }
  }
});

it('the diversity of fewer than two items, and the serendipity to nobody in particular, are not defined', () => {
  expect(intraListDiversity([4], () => 1)).toBeNaN();
  expect(serendipity([4], new Set([4]), [], () => 1)).toBeNaN();
});
