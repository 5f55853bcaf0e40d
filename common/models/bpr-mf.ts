import { Random } from '../random.ts';
import type { FitRun, VectorModel } from './candidate-model.ts';
import { EarlyStopping } from './early-stopping.ts';
import { entryRows, type InteractionMatrix } from './interactions.ts';
import { NegativeSampler } from './negative-sampler.ts';
import { vectorModel } from './vector-model.ts';

/**
 * Matrix factorisation by Bayesian personalised ranking (Rendle, Freudenthaler, Gantner, Schmidt-Thieme, UAI 2009): for a
 * user w, an item h of theirs and a sampled item k that is not,
 *
 *   L = −ln σ(w·h − w·k) + λ/2 (‖w‖² + ‖h‖² + ‖k‖²)
 *
 * by stochastic gradient descent, one triple at a time, one triple for each entry of the matrix an epoch in a new order.
 */
export interface BprOptions {
  readonly dim: number;
  /** Epochs at most. */
  readonly epochs: number;
  /** Falls linearly from here towards 0 over `epochs`. */
  readonly learningRate: number;
  /** λ. */
  readonly regularisation: number;
  /**
   * The other item is drawn in proportion to (its interactions)^exponent: 0 is the paper's uniform choice, more makes popular
   * items the others more often (Mikolov et al. 2013 took 0.75 for words).
   */
  readonly negativeExponent: number;
  /** Epochs between two measurements of the held-out merit. */
  readonly measureEvery: number;
}

/** Chosen on MovieLens-1M by NDCG@10 on validation interactions. */
export const bprDefaults: BprOptions = {
  dim: 64,
  epochs: 60,
  learningRate: 0.1,
  regularisation: 0.01,
  negativeExponent: 0,
  measureEvery: 5,
};

/** Settings worth trying on a data set. */
export const bprGrid: readonly BprOptions[] = [
  bprDefaults,
  { ...bprDefaults, regularisation: 0.03 },
  { ...bprDefaults, negativeExponent: 0.5 },
];

const INITIAL_DEVIATION = 0.1;

/** Weights and order of the entries are not used. Deterministic for a seed, in one thread. */
export async function fitBpr(
  matrix: InteractionMatrix,
  options: BprOptions,
  run: FitRun,
): Promise<VectorModel> {
  const { dim, epochs, learningRate, regularisation, measureEvery } = options;
  const random = new Random(run.seed);
  const factors = (rows: number) =>
    new Float32Array(rows * dim).map(() => (INITIAL_DEVIATION * random.normal()) / Math.sqrt(dim));
  const [users, items] = [factors(matrix.rowCount), factors(matrix.columnCount)];
  const model = vectorModel(dim, users, items);
  const stopping = new EarlyStopping(run.heldOut, model, [users, items]);
  const negatives = new NegativeSampler(matrix, options.negativeExponent, random);
  const rows = entryRows(matrix);
  const order = Uint32Array.from({ length: rows.length }, (_, entry) => entry);
  for (let epoch = 0; epoch < epochs; epoch++) {
    random.shuffle(order);
    for (let at = 0; at < order.length; at++) {
      const rate = learningRate * (1 - (epoch + at / order.length) / epochs);
      const row = rows[order[at]];
      const other = negatives.draw(row);
      if (other < 0) continue;
      const positive = matrix.columns[order[at]];
      bprStep(users, items, dim, row * dim, positive * dim, other * dim, rate, regularisation);
    }
    run.onProgress?.(epoch + 1, epochs);
    const last = epoch === epochs - 1;
    if (((epoch + 1) % measureEvery === 0 || last) && (await stopping.shouldStop())) break;
  }
  stopping.restore();
  return model;
}

/** One descent step on the loss of a triple, in place: its vectors begin at `w` of `users`, and at `h` and `k` of `items`. */
export function bprStep(
  users: Float32Array,
  items: Float32Array,
  dim: number,
  w: number,
  h: number,
  k: number,
  rate: number,
  regularisation: number,
): void {
  let margin = 0;
  for (let i = 0; i < dim; i++) margin += users[w + i] * (items[h + i] - items[k + i]);
  const pull = rate / (1 + Math.exp(margin));
  const keep = 1 - rate * regularisation;
  for (let i = 0; i < dim; i++) {
    const user = users[w + i];
    const own = items[h + i];
    const other = items[k + i];
    users[w + i] = keep * user + pull * (own - other);
    items[h + i] = keep * own + pull * user;
    items[k + i] = keep * other - pull * user;
  }
}
