import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ratingErrors } from '../metrics/rating.ts';
import { Random } from '../random.ts';
import {
  biasedSvdDefaults,
  fitBiasedSvd,
  fitRatingAls,
  predictRating,
  type RatingModel,
  type Ratings,
  ratingAlsDefaults,
} from './ratings.ts';

const FILE = resolve(process.env.MILLRACE_SHARED ?? '../shared', 'data/ml100k/ml-100k.inter.gz');
const USERS = 40;
const ITEMS = 30;

function columns(rows: readonly (readonly number[])[], userCount: number, itemCount: number): Ratings {
  return {
    users: Uint32Array.from(rows, ([user]) => user),
    items: Uint32Array.from(rows, ([, item]) => item),
    values: Float32Array.from(rows, ([, , value]) => value),
    userCount,
    itemCount,
  };
}

function errorsOf(model: RatingModel, rows: readonly (readonly number[])[]) {
  const predicted = rows.map(([user, item]) => predictRating(model, user, item));
  return ratingErrors(
    predicted,
    rows.map(([, , value]) => value),
  );
}

/** Ratings that are a bias of each user and item and one product, rounded to nothing; the last user and item have none. */
function world(): number[][] {
  const random = new Random(4);
  const normals = (count: number) => Array.from({ length: count }, () => random.normal());
  const [userBias, itemBias, taste, kind] = [USERS, ITEMS, USERS, ITEMS].map(normals);
  const rows: number[][] = [];
  for (let user = 0; user < USERS - 1; user++) {
    for (let item = 0; item < ITEMS - 1; item++) {
      if (random.next() < 0.4)
        rows.push([user, item, 3 + userBias[user] + itemBias[item] + taste[user] * kind[item]]);
    }
  }
  return rows;
}

const rows = world();
const held = rows.filter((_, i) => i % 5 === 0);
const train = columns(
  rows.filter((_, i) => i % 5 !== 0),
  USERS,
  ITEMS,
);

describe.each([
  [
    'SVD',
    (ratings: Ratings, seed: number) =>
      fitBiasedSvd(ratings, { ...biasedSvdDefaults, dim: 4, epochs: 250, learningRate: 0.02, seed }),
  ],
  [
    'ALS',
    (ratings: Ratings, seed: number) =>
      fitRatingAls(ratings, { ...ratingAlsDefaults, dim: 4, sweeps: 20, regularisation: 0.02, seed }),
  ],
])('%s of ratings', (_name, learn) => {
  const model = learn(train, 1);

  it('explains held-out ratings that are biases and a product', () => {
    expect(errorsOf(model, held).r2).toBeGreaterThan(0.85);
  });

  it('gives an unknown pair the mean, and stays within the ratings seen', () => {
    expect(predictRating(model, USERS - 1, ITEMS - 1)).toBeCloseTo(model.mean, 10);
    for (let user = 0; user < USERS; user++) {
      for (let item = 0; item < ITEMS; item++) {
        const rating = predictRating(model, user, item);
        expect(rating >= Math.min(...train.values) && rating <= Math.max(...train.values)).toBe(true);
      }
    }
  });

  it('repeats from its seed', () => {
    expect(learn(train, 1)).toEqual(model);
    expect(learn(train, 2).itemFactors).not.toEqual(model.itemFactors);
  });
});

it('ALS of ratings gives the same bits on two threads', () => {
  expect(fitRatingAls(train, ratingAlsDefaults, 2)).toEqual(fitRatingAls(train, ratingAlsDefaults));
});

describe.skipIf(!existsSync(FILE))(`on MovieLens-100K, a third held out (needs ${FILE})`, () => {
  const lines = existsSync(FILE)
    ? gunzipSync(readFileSync(FILE)).toString('utf8').trim().split('\n').slice(1)
    : [];
  const all = lines.map((line) => line.split('\t').map(Number)).map(([u, i, value]) => [u - 1, i - 1, value]);
  new Random(1).shuffle(all);
  const third = all.filter((_, i) => i % 3 === 0);
  const rest = columns(
    all.filter((_, i) => i % 3 !== 0),
    943,
    1682,
  );

  it("biased SVD has the published errors of Surprise's, RMSE .944 and MAE .745", () => {
    const { rmse, mae } = errorsOf(fitBiasedSvd(rest), third);
    expect(Math.abs(rmse - 0.944)).toBeLessThan(0.008);
    expect(Math.abs(mae - 0.745)).toBeLessThan(0.008);
  });

  it('ALS is at least as good', () => {
    expect(errorsOf(fitRatingAls(rest), third).rmse).toBeLessThan(0.94);
  });
});
