import { Random } from '../random.ts';
import type { FitRun, VectorModel } from './candidate-model.ts';
import { EarlyStopping } from './early-stopping.ts';
import { entryRows, type InteractionMatrix } from './interactions.ts';
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

/** Draws of an item that the user does not have before one that they have is let pass as an example of nothing. */
const DRAWS_MAX = 20;

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

/** Draws items that a row of the matrix does not have. */
class NegativeSampler {
  readonly #offsets: Uint32Array;
  /** Columns of each row, ascending. */
  readonly #sorted: Uint32Array;
  /** Items to draw from, uniformly: every item, or with repeats a sample of the wanted distribution. */
  readonly #urn: Uint32Array;
  readonly #random: Random;

  constructor(matrix: InteractionMatrix, exponent: number, random: Random) {
    const { offsets, columns, rowCount } = matrix;
    this.#offsets = offsets;
    this.#sorted = columns.slice();
    for (let row = 0; row < rowCount; row++) this.#sorted.subarray(offsets[row], offsets[row + 1]).sort();
    this.#urn = urn(matrix, exponent);
    this.#random = random;
  }

  /** −1 where `DRAWS_MAX` draws met only the row's own items. */
  draw(row: number): number {
    for (let i = 0; i < DRAWS_MAX; i++) {
      const item = this.#urn[this.#random.int(this.#urn.length)];
      if (!this.#has(row, item)) return item;
    }
    return -1;
  }

  #has(row: number, item: number): boolean {
    let low = this.#offsets[row];
    let high = this.#offsets[row + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#sorted[middle] < item) low = middle + 1;
      else high = middle;
    }
    return low < this.#offsets[row + 1] && this.#sorted[low] === item;
  }
}

const URN_SIZE = 1 << 20;

/** Items with repeats in proportion to (interactions + 1)^exponent, to the nearest of `URN_SIZE` places. */
function urn({ columns, columnCount }: InteractionMatrix, exponent: number): Uint32Array {
  if (exponent === 0) return Uint32Array.from({ length: columnCount }, (_, item) => item);
  const weights = new Float64Array(columnCount).fill(1);
  for (const item of columns) weights[item]++;
  let total = 0;
  for (let item = 0; item < columnCount; item++) total += weights[item] **= exponent;
  const places = new Uint32Array(URN_SIZE);
  let end = 0;
  let mass = 0;
  for (let item = 0; item < columnCount; item++) {
    const start = end;
    mass += weights[item];
    end = Math.round((mass / total) * URN_SIZE);
    places.fill(item, start, end);
  }
  return places;
}
