import { KernelPool } from '../kernels/kernel-pool.ts';
import { FactorTable, LeastSquaresRows } from '../kernels/least-squares.ts';
import { Random } from '../random.ts';
import { type InteractionMatrix, transpose } from './interactions.ts';

/** Explicit ratings as parallel columns. */
export interface Ratings {
  /** Dense user rows, below `userCount`. */
  readonly users: Uint32Array;
  /** Item ordinals, below `itemCount`. */
  readonly items: Uint32Array;
  /** Finite; on any scale. */
  readonly values: Float32Array;
  readonly userCount: number;
  readonly itemCount: number;
}

/** r̂ = μ + b_u + b_i + w_u · h_i. Who or what had no rating has a bias and a vector of zeros. */
export interface RatingModel {
  /** μ, and the least and greatest rating. */
  readonly mean: number;
  readonly lowest: number;
  readonly highest: number;
  readonly userBiases: Float32Array;
  readonly itemBiases: Float32Array;
  readonly dim: number;
  /** Row-major users × dim and items × dim. */
  readonly userFactors: Float32Array;
  readonly itemFactors: Float32Array;
}

export interface BiasedSvdOptions {
  readonly dim: number;
  readonly epochs: number;
  readonly learningRate: number;
  /** λ. */
  readonly regularisation: number;
  readonly seed: number;
}

export const biasedSvdDefaults: BiasedSvdOptions = {
  dim: 100,
  epochs: 20,
  learningRate: 0.005,
  regularisation: 0.02,
  seed: 1,
};

const INITIAL_DEVIATION = 0.1;

/**
 * Biased matrix factorisation (Koren, Bell, Volinsky 2009): minimises Σ (r − r̂)² + λ (b_u² + b_i² + ‖w‖² + ‖h‖²) by stochastic
 * gradient descent, each epoch over the ratings in a new order.
 */
export function fitBiasedSvd(ratings: Ratings, options: BiasedSvdOptions = biasedSvdDefaults): RatingModel {
  const { dim, epochs } = options;
  const random = new Random(options.seed);
  const normal = () => INITIAL_DEVIATION * random.normal();
  const model = {
    ...summary(ratings.values),
    userBiases: new Float32Array(ratings.userCount),
    itemBiases: new Float32Array(ratings.itemCount),
    dim,
    userFactors: new Float32Array(ratings.userCount * dim).map(normal),
    itemFactors: new Float32Array(ratings.itemCount * dim).map(normal),
  };
  const order = Uint32Array.from({ length: ratings.values.length }, (_, i) => i);
  for (let epoch = 0; epoch < epochs; epoch++) descend(model, ratings, random.shuffle(order), options);
  clearUnrated(model.userFactors, ratings.users, dim);
  clearUnrated(model.itemFactors, ratings.items, dim);
  return model;
}

function descend(
  { mean, userBiases, itemBiases, dim, userFactors, itemFactors }: RatingModel,
  { users, items, values }: Ratings,
  order: Uint32Array,
  { learningRate, regularisation }: BiasedSvdOptions,
): void {
  for (const at of order) {
    const [user, item] = [users[at], items[at]];
    let error = values[at] - mean - userBiases[user] - itemBiases[item];
    for (let k = 0, w = user * dim, h = item * dim; k < dim; k++)
      error -= userFactors[w++] * itemFactors[h++];
    userBiases[user] += learningRate * (error - regularisation * userBiases[user]);
    itemBiases[item] += learningRate * (error - regularisation * itemBiases[item]);
    for (let k = 0, w = user * dim, h = item * dim; k < dim; k++, w++, h++) {
      const old = userFactors[w];
      userFactors[w] += learningRate * (error * itemFactors[h] - regularisation * old);
      itemFactors[h] += learningRate * (error * old - regularisation * itemFactors[h]);
    }
  }
}

export interface RatingAlsOptions {
  readonly dim: number;
  readonly sweeps: number;
  /** λ of the factors. */
  readonly regularisation: number;
  /** λ of the biases. */
  readonly biasRegularisation: number;
  readonly seed: number;
}

export const ratingAlsDefaults: RatingAlsOptions = {
  dim: 32,
  sweeps: 12,
  regularisation: 0.12,
  biasRegularisation: 4,
  seed: 1,
};

const CG_STEPS = 4;
const BIAS_SWEEPS = 10;

/**
 * Biases first, then factors of what they leave, by alternating least squares with weighted λ (Zhou, Wilkinson, Schreiber, Pan
 * 2008): minimises Σ (r − r̂)² + λ (Σ n_u ‖w‖² + Σ n_i ‖h‖²), n the number of ratings. The same bits for any number of threads.
 */
export function fitRatingAls(
  ratings: Ratings,
  options: RatingAlsOptions = ratingAlsDefaults,
  threads = 1,
): RatingModel {
  const { dim, sweeps, regularisation, seed } = options;
  const biases = fitBiases(ratings, options.biasRegularisation);
  const residuals = ratings.values.map(
    (value, i) =>
      value - biases.mean - biases.userBiases[ratings.users[i]] - biases.itemBiases[ratings.items[i]],
  );
  const rows = ratingRows(ratings, residuals);
  using pool = new KernelPool(threads);
  const users = new FactorTable(pool, ratings.userCount, dim);
  const items = new FactorTable(pool, ratings.itemCount, dim);
  const random = new Random(seed);
  items.fill(() => INITIAL_DEVIATION * random.normal());
  const side = ({ weights, ...matrix }: InteractionMatrix): LeastSquaresRows => {
    const { offsets, rowCount } = matrix;
    const ridges = Float32Array.from(
      { length: rowCount },
      (_, r) => regularisation * (offsets[r + 1] - offsets[r]),
    );
    const units = new Float32Array(weights.length).fill(1);
    return new LeastSquaresRows(pool, { ...matrix, weights: units }, ridges, weights);
  };
  const [userSide, itemSide] = [side(rows), side(transpose(rows))];
  for (let sweep = 0; sweep < sweeps; sweep++) {
    userSide.improve(users, items, undefined, CG_STEPS);
    itemSide.improve(items, users, undefined, CG_STEPS);
  }
  return { ...biases, dim, userFactors: users.unpadded(), itemFactors: items.unpadded() };
}

type Biases = Omit<RatingModel, 'dim' | 'userFactors' | 'itemFactors'>;

/** Minimises Σ (r − μ − b_u − b_i)² + λ (Σ b_u² + Σ b_i²) by turns. */
function fitBiases({ users, items, values, userCount, itemCount }: Ratings, regularisation: number): Biases {
  const { mean, ...bounds } = summary(values);
  const userBiases = new Float32Array(userCount);
  const itemBiases = new Float32Array(itemCount);
  const solve = (own: Uint32Array, biases: Float32Array, others: Uint32Array, given: Float32Array): void => {
    const sums = new Float64Array(biases.length);
    const counts = new Float64Array(biases.length);
    for (let i = 0; i < values.length; i++) {
      sums[own[i]] += values[i] - mean - given[others[i]];
      counts[own[i]]++;
    }
    for (let i = 0; i < biases.length; i++)
      biases[i] = counts[i] === 0 ? 0 : sums[i] / (counts[i] + regularisation);
  };
  for (let sweep = 0; sweep < BIAS_SWEEPS; sweep++) {
    solve(items, itemBiases, users, userBiases);
    solve(users, userBiases, items, itemBiases);
  }
  return { mean, ...bounds, userBiases, itemBiases };
}

/** The ratings by user, `residuals` as weights. */
function ratingRows(
  { users, items, userCount, itemCount }: Ratings,
  residuals: Float32Array,
): InteractionMatrix {
  const offsets = new Uint32Array(userCount + 1);
  for (const user of users) offsets[user + 1]++;
  for (let user = 0; user < userCount; user++) offsets[user + 1] += offsets[user];
  const cursor = offsets.slice();
  const columns = new Uint32Array(items.length);
  const weights = new Float32Array(items.length);
  for (let i = 0; i < items.length; i++) {
    const at = cursor[users[i]]++;
    columns[at] = items[i];
    weights[at] = residuals[i];
  }
  const times = new Float64Array(items.length);
  return { rowCount: userCount, columnCount: itemCount, offsets, columns, weights, times };
}

/** The rating that `user` would give `item`, kept within the ratings learnt from. */
export function predictRating(model: RatingModel, user: number, item: number): number {
  const { mean, userBiases, itemBiases, dim, userFactors, itemFactors } = model;
  let sum = mean + userBiases[user] + itemBiases[item];
  for (let k = 0; k < dim; k++) sum += userFactors[user * dim + k] * itemFactors[item * dim + k];
  return Math.min(model.highest, Math.max(model.lowest, sum));
}

/** Mean and bounds of the ratings. */
function summary(values: Float32Array): Pick<RatingModel, 'mean' | 'lowest' | 'highest'> {
  let sum = 0;
  let [lowest, highest] = [Infinity, -Infinity];
  for (const value of values) {
    sum += value;
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  return { mean: sum / Math.max(1, values.length), lowest, highest };
}

function clearUnrated(factors: Float32Array, rated: Uint32Array, dim: number): void {
  const known = new Set(rated);
  for (let row = 0; row * dim < factors.length; row++) {
    if (!known.has(row)) factors.fill(0, row * dim, (row + 1) * dim);
  }
}
