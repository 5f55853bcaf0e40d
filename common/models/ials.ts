import { z } from 'zod';
import { packArrays, unpackArrays } from '../arrays.ts';
import type { FitRun, Refinement, VectorModel } from './candidate-model.ts';
import { gramian } from './gramian.ts';
import { IalsTraining, ridgeOf } from './ials-training.ts';
import type { InteractionMatrix } from './interactions.ts';
import type { RecencyOptions } from './recency.ts';
import { isOrdered, noRecency, recencySchema, recencyWeight } from './recency.ts';
import { vectorModel } from './vector-model.ts';

/**
 * Implicit alternating least squares (Hu, Koren, Volinsky 2008) in the parametrisation of "Revisiting the Performance of
 * iALS on Item Recommendation Benchmarks" (Rendle, Krichene, Zhang, Koren 2021), minimised by conjugate gradient (Takács,
 * Pilászy, Tikk 2011). With weight c of the observed pairs S, user vectors w and item vectors h:
 *
 *   L = Σ_S c (1 − w·h)² + α0 Σ_all (w·h)² + λ Σ_w (C_w + α0 items)^ν ‖w‖² + λ Σ_h (C_h + α0 users)^ν ‖h‖²
 *
 * where C is the sum of c over the row or column. The weights c are the matrix's, times each event's recency within its
 * person's sequence: one recency for learning the factors, a shorter one for the vector that asks what comes next.
 */
export interface IalsOptions {
  readonly dim: number;
  /** Alternations over all users and all items. */
  readonly sweeps: number;
  /** α0: weight of every pair as a zero, beside 1 for a fresh observed pair. */
  readonly unobservedWeight: number;
  /** λ. */
  readonly regularisation: number;
  /** ν: 0 regularises every vector alike, 1 in proportion to its data. */
  readonly frequencyExponent: number;
  /** Conjugate gradient steps a row a sweep, from the previous sweep's vector. */
  readonly cgSteps: number;
  /** Conjugate gradient steps of `IalsUserSolver`, which starts at zero. */
  readonly foldInSteps: number;
  readonly recency: RecencyOptions;
  /** Used by `IalsUserSolver` in place of `recency`. */
  readonly foldInRecency: RecencyOptions;
  readonly seed: number;
}

/** Chosen on MovieLens-100K, leave-one-out, by NDCG@10 on each person's three events before the test event. */
export const ialsDefaults: IalsOptions = {
  dim: 64,
  sweeps: 10,
  unobservedWeight: 0.25,
  regularisation: 0.012,
  frequencyExponent: 1,
  cgSteps: 3,
  foldInSteps: 12,
  recency: { halfLifeEvents: 60, floor: 0.05 },
  foldInRecency: { halfLifeEvents: 3, floor: 0.02 },
  seed: 1,
};

/** Settings to choose from, the best on MovieLens-1M first. */
export const ialsGrid: readonly IalsOptions[] = [0.38, 0.15, 0.06, 0.8].map((regularisation) => ({
  ...ialsDefaults,
  sweeps: 16,
  frequencyExponent: 0.5,
  regularisation,
}));

const WIDER_DIMS = [128, 256, 512];

/** Multiplications of the dense part of a fit that are worth a wider model. */
const WIDER_COST_MAX = 1e12;

/**
 * Then the weight of what was not observed, then the penalty more finely, then twice the width for as long as it helps and is
 * affordable.
 */
export const ialsRefinements: readonly Refinement<IalsOptions>[] = [
  (_, best) => [0.1, 0.5].map((unobservedWeight) => ({ ...best, unobservedWeight })),
  (_, best) => [0.65, 1.55].map((factor) => ({ ...best, regularisation: factor * best.regularisation })),
  ...WIDER_DIMS.map(
    (dim): Refinement<IalsOptions> =>
      ({ rowCount, columnCount }, best) => {
        const cost = (rowCount + columnCount) * dim ** 2 * (best.cgSteps + 2) * best.sweeps;
        return 2 * best.dim === dim && cost <= WIDER_COST_MAX ? [{ ...best, dim }] : [];
      },
  ),
];

export interface IalsModel {
  readonly options: IalsOptions;
  readonly itemCount: number;
  /** Row-major `itemCount × dim`. */
  readonly itemFactors: Float32Array;
  /** Row-major `dim × dim`: the product of the transposed item factors with the item factors. */
  readonly gramian: Float64Array;
}

/** Called after each sweep with the number done and the number of all. */
export type OnSweep = (done: number, total: number) => void;

/**
 * Trains on rows ordered oldest first; recency is dropped where the data has no order. Deterministic for a seed, whatever the
 * number of threads. A sweep costs entries · dim · (4 cgSteps + 4) + (users + items) · dim² · (cgSteps + 2) multiplications.
 */
export function fitIals(
  matrix: InteractionMatrix,
  asked: IalsOptions = ialsDefaults,
  onSweep?: OnSweep,
  threads = 1,
): IalsModel {
  const options = fittingOptions(matrix, asked);
  const { dim, sweeps } = options;
  using training = new IalsTraining(matrix, options, threads);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    training.sweep();
    onSweep?.(sweep + 1, sweeps);
  }
  const itemFactors = training.itemFactors();
  const { columnCount: itemCount } = matrix;
  return { options, itemCount, itemFactors, gramian: gramian(itemFactors, dim) };
}

/** The model over the rows of the matrix, on the threads of the run; its settings with the run's seed. */
export async function fitIalsCandidates(
  matrix: InteractionMatrix,
  asked: IalsOptions,
  { seed, threads, onProgress }: FitRun,
): Promise<VectorModel> {
  const options = fittingOptions(matrix, { ...asked, seed });
  using training = new IalsTraining(matrix, options, threads);
  for (let sweep = 0; sweep < options.sweeps; sweep++) {
    training.sweep();
    onProgress?.(sweep + 1, options.sweeps);
  }
  return vectorModel(options.dim, training.userFactors(), training.itemFactors());
}

/** Without recency where the data has no order. */
function fittingOptions(matrix: InteractionMatrix, options: IalsOptions): IalsOptions {
  return isOrdered(matrix) ? options : { ...options, recency: noRecency, foldInRecency: noRecency };
}

/**
 * Turns a history into a user vector with the solver of the training, over fixed item factors. Holds its scratch: one
 * instance serves one call at a time and `solve` allocates nothing once it has seen the longest history.
 */
export class IalsUserSolver {
  readonly #model: IalsModel;
  readonly #rows: RowSolver;
  #items = new Uint32Array(64);
  #weights = new Float32Array(64);

  constructor(model: IalsModel) {
    this.#model = model;
    this.#rows = new RowSolver(model.itemFactors, model.gramian, model.options);
  }

  /**
   * `items`: ordinals, oldest first; those that the model does not know say nothing, repeats add up. `weights`: their
   * confidence before recency, 1 where absent. `vector`: `dim` elements, overwritten; zero if nothing is known.
   */
  solve(items: Uint32Array, weights: Float32Array | undefined, vector: Float32Array): void {
    const { options, itemCount } = this.#model;
    if (this.#items.length < items.length) {
      this.#items = new Uint32Array(2 * items.length);
      this.#weights = new Float32Array(2 * items.length);
    }
    let known = 0;
    for (let i = 0; i < items.length; i++) {
      if (items[i] >= itemCount) continue;
      const weight = weights === undefined ? 1 : weights[i];
      this.#items[known] = items[i];
      this.#weights[known++] = weight * recencyWeight(items.length - 1 - i, options.foldInRecency);
    }
    vector.fill(0);
    this.#rows.solve(this.#items, this.#weights, 0, known, options.foldInSteps, vector, 0);
  }
}

const KIND = 'model.ials';

const metaSchema = z.object({
  itemCount: z.int().nonnegative(),
  options: z.object({
    dim: z.int().positive(),
    sweeps: z.int().nonnegative(),
    unobservedWeight: z.number().nonnegative(),
    regularisation: z.number().nonnegative(),
    frequencyExponent: z.number(),
    cgSteps: z.int().positive(),
    foldInSteps: z.int().positive(),
    recency: recencySchema,
    foldInRecency: recencySchema,
    seed: z.number(),
  }),
});

export function encodeIals({ options, itemCount, itemFactors, gramian }: IalsModel): Uint8Array {
  return packArrays(KIND, { options, itemCount }, { itemFactors, gramian });
}

/** BUNDLE_DAMAGED, naming what is wrong with the bytes. The factors stay a view of `bytes` where those are aligned. */
export function decodeIals(bytes: Uint8Array): IalsModel {
  const part = unpackArrays(bytes, KIND);
  const { options, itemCount } = part.meta(metaSchema);
  return {
    options,
    itemCount,
    itemFactors: part.array('itemFactors', 'f32', itemCount * options.dim),
    gramian: part.array('gramian', 'f64', options.dim ** 2),
  };
}

/** Solves rows against the factors of the items, in float64. */
class RowSolver {
  readonly #factors: Float32Array;
  readonly #options: IalsOptions;
  readonly #dim: number;
  readonly #gramian: Float64Array;
  readonly #solution: Float64Array;
  readonly #residual: Float64Array;
  readonly #direction: Float64Array;
  readonly #image: Float64Array;

  constructor(factors: Float32Array, gramian: Float64Array, options: IalsOptions) {
    this.#factors = factors;
    this.#gramian = gramian;
    this.#options = options;
    this.#dim = options.dim;
    this.#solution = new Float64Array(options.dim);
    this.#residual = new Float64Array(options.dim);
    this.#direction = new Float64Array(options.dim);
    this.#image = new Float64Array(options.dim);
  }

  /** Improves row `row` of `out` by up to `steps` conjugate gradient steps. An empty row becomes zero. */
  solve(
    columns: Uint32Array,
    weights: Float32Array,
    start: number,
    end: number,
    steps: number,
    out: Float32Array,
    row: number,
  ): void {
    const dim = this.#dim;
    const x = this.#solution;
    const r = this.#residual;
    const p = this.#direction;
    const image = this.#image;
    for (let i = 0; i < dim; i++) x[i] = start < end ? out[row * dim + i] : 0;
    const regularisation = this.#regularisation(weights, start, end);
    this.#apply(x, columns, weights, start, end, regularisation, image);
    for (let i = 0; i < dim; i++) r[i] = -image[i];
    for (let e = start; e < end; e++) addFactors(r, 0, weights[e], this.#factors, columns[e] * dim, dim);
    p.set(r);
    let squared = dot(r, r, 0, dim);
    for (let step = 0; step < steps && squared > 1e-18; step++) {
      this.#apply(p, columns, weights, start, end, regularisation, image);
      const rate = squared / dot(p, image, 0, dim);
      for (let i = 0; i < dim; i++) {
        x[i] += rate * p[i];
        r[i] -= rate * image[i];
      }
      const next = dot(r, r, 0, dim);
      for (let i = 0; i < dim; i++) p[i] = r[i] + (next / squared) * p[i];
      squared = next;
    }
    out.set(x, row * dim);
  }

  #regularisation(weights: Float32Array, start: number, end: number): number {
    let mass = 0;
    for (let e = start; e < end; e++) mass += weights[e];
    return ridgeOf(this.#options, mass, this.#factors.length / this.#dim);
  }

  /** image = (α0 G + λ I + Σ c h hᵀ) vector. */
  #apply(
    vector: Float64Array,
    columns: Uint32Array,
    weights: Float32Array,
    start: number,
    end: number,
    regularisation: number,
    image: Float64Array,
  ): void {
    const dim = this.#dim;
    const { unobservedWeight } = this.#options;
    for (let i = 0; i < dim; i++) {
      image[i] = regularisation * vector[i] + unobservedWeight * dot(vector, this.#gramian, i * dim, dim);
    }
    for (let e = start; e < end; e++) {
      const at = columns[e] * dim;
      addFactors(image, 0, weights[e] * dotFactors(vector, this.#factors, at, dim), this.#factors, at, dim);
    }
  }
}

// One function per pair of array types: a call site that sees both kinds runs several times slower.

/** Σ a[i] · b[at + i]. */
function dot(a: Float64Array, b: Float64Array, at: number, dim: number): number {
  let s0 = 0;
  let s1 = 0;
  let i = 0;
  for (; i + 1 < dim; i += 2) {
    s0 += a[i] * b[at + i];
    s1 += a[i + 1] * b[at + i + 1];
  }
  return i < dim ? s0 + s1 + a[i] * b[at + i] : s0 + s1;
}

/** Σ a[i] · factors[at + i]. */
function dotFactors(a: Float64Array, factors: Float32Array, at: number, dim: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < dim; i += 4) {
    s0 += a[i] * factors[at + i];
    s1 += a[i + 1] * factors[at + i + 1];
    s2 += a[i + 2] * factors[at + i + 2];
    s3 += a[i + 3] * factors[at + i + 3];
  }
  for (; i < dim; i++) s0 += a[i] * factors[at + i];
  return s0 + s1 + s2 + s3;
}

/** target[targetAt + i] += scale · factors[at + i] for i below `count`. */
function addFactors(
  target: Float64Array,
  targetAt: number,
  scale: number,
  factors: Float32Array,
  at: number,
  count: number,
): void {
  let i = 0;
  for (; i + 3 < count; i += 4) {
    target[targetAt + i] += scale * factors[at + i];
    target[targetAt + i + 1] += scale * factors[at + i + 1];
    target[targetAt + i + 2] += scale * factors[at + i + 2];
    target[targetAt + i + 3] += scale * factors[at + i + 3];
  }
  for (; i < count; i++) target[targetAt + i] += scale * factors[at + i];
}
