import { ratingErrors } from '../../common/metrics/rating.ts';
import {
  biasedSvdDefaults,
  fitBiasedSvd,
  fitRatingAls,
  predictRating,
  type RatingModel,
  type Ratings,
  ratingAlsDefaults,
} from '../../common/models/ratings.ts';
import { Random } from '../../common/random.ts';
import { type Bench, oneOf, parsed, required, UsageError, wholeNumber } from './bench.ts';
import { readText } from './files.ts';
import { eachInItsProcess, measured } from './report.ts';

const THREADS = 2;
const SEED = 1;

const MODELS: Readonly<Record<string, (ratings: Ratings, seed: number) => RatingModel>> = {
  svd: (ratings, seed) => fitBiasedSvd(ratings, { ...biasedSvdDefaults, seed }),
  als: (ratings, seed) => fitRatingAls(ratings, { ...ratingAlsDefaults, seed }, THREADS),
};

/** Models of explicit ratings: RMSE and MAE, means over the parts of a random cross-validation. */
export const ratingsBench: Bench = {
  usage: `--data FILE [--model NAME] [--folds N] [--seed N]
  FILE[.gz]: a header, then user, item and rating a line, tab-separated; further columns are ignored.
  NAME: ${Object.keys(MODELS).join(' ')}`,
  async run(args, print) {
    const values = parsed(args, {
      data: { type: 'string' },
      model: { type: 'string' },
      folds: { type: 'string', default: '3' },
      seed: { type: 'string', default: String(SEED) },
    });
    const seed = wholeNumber(values.seed, 'seed');
    const folds = wholeNumber(values.folds, 'folds', 2);
    const file = required(values.data, 'data');
    if (values.model === undefined) return eachInItsProcess('ratings', args, Object.keys(MODELS), print);
    const model = oneOf(values.model, Object.keys(MODELS), 'model');
    const ratings = readRatings(file);
    if (ratings.values.length < folds) throw new UsageError(`${file}: fewer ratings than folds`);
    const labels = { bench: 'ratings', model, folds };
    await measured(print, labels, seed, async () => crossValidated(MODELS[model], ratings, folds, seed));
  },
};

function crossValidated(
  learn: (ratings: Ratings, seed: number) => RatingModel,
  ratings: Ratings,
  folds: number,
  seed: number,
) {
  const order = new Random(seed).shuffle(Uint32Array.from(ratings.values, (_, i) => i));
  const means = { rmse: 0, mae: 0 };
  for (let fold = 0; fold < folds; fold++) {
    const held = order.filter((_, at) => at % folds === fold);
    const rest = order.filter((_, at) => at % folds !== fold);
    const model = learn(subset(ratings, rest), seed);
    const predicted = Array.from(held, (i) => predictRating(model, ratings.users[i], ratings.items[i]));
    const actual = Array.from(held, (i) => ratings.values[i]);
    const { rmse, mae } = ratingErrors(predicted, actual);
    means.rmse += rmse / folds;
    means.mae += mae / folds;
  }
  return means;
}

function subset(ratings: Ratings, rows: Uint32Array): Ratings {
  return {
    ...ratings,
    users: rows.map((i) => ratings.users[i]),
    items: rows.map((i) => ratings.items[i]),
    values: Float32Array.from(rows, (i) => ratings.values[i]),
  };
}

function readRatings(file: string): Ratings {
  const users = new Map<string, number>();
  const items = new Map<string, number>();
  const ordinal = (ids: Map<string, number>, id: string): number => {
    const known = ids.get(id) ?? ids.size;
    ids.set(id, known);
    return known;
  };
  const rows: { user: number; item: number; value: number }[] = [];
  readText(file)
    .split('\n')
    .forEach((line, at) => {
      if (at === 0 || line.trim() === '') return;
      const [user, item, rating] = line.split('\t');
      const value = Number(rating);
      if (item === undefined || rating === undefined || rating.trim() === '' || !Number.isFinite(value))
        throw new UsageError(`${file}:${at + 1}: not a user, an item and a rating`);
      rows.push({ user: ordinal(users, user), item: ordinal(items, item), value });
    });
  return {
    users: Uint32Array.from(rows, ({ user }) => user),
    items: Uint32Array.from(rows, ({ item }) => item),
    values: Float32Array.from(rows, ({ value }) => value),
    userCount: users.size,
    itemCount: items.size,
  };
}
