import { KernelPool } from '../kernels/kernel-pool.ts';
import { Adam } from '../onnx/optimiser.ts';
import { Random } from '../random.ts';
import type { FitRun, Refinement, VectorModel } from './candidate-model.ts';
import { EarlyStopping } from './early-stopping.ts';
import { type ConvolutionOptions, GraphConvolution } from './graph-convolution.ts';
import type { InteractionMatrix } from './interactions.ts';
import { SoftmaxLoss, type SoftmaxOptions } from './softmax-loss.ts';
import { vectorModel } from './vector-model.ts';

/**
 * LightGCN with the softmax loss in place of BPR: the convolution of `ConvolutionOptions` learnt by `SoftmaxOptions`, by Adam on
 * the embeddings. Every interaction of a step's users is compared with the catalogue by dense products, and the graph is
 * convolved once a step, so that it converges in hundreds of steps where sampled triples take hundreds of epochs.
 */
export interface LightGcnOptions extends ConvolutionOptions, SoftmaxOptions {
  /** A multiple of 4. */
  readonly dim: number;
  /** At most. */
  readonly steps: number;
  /** Users of a step, at most: all, or batches in an order that is new each time. */
  readonly usersPerStep: number;
  /** Of Adam; in the second half of `steps` it falls linearly towards 0. */
  readonly learningRate: number;
  /** Steps between two measurements of the held-out merit. */
  readonly measureEvery: number;
}

/** Chosen on MovieLens-1M by NDCG@10 on validation interactions. */
export const lightGcnDefaults: LightGcnOptions = {
  dim: 64,
  layers: 2,
  ownExponent: 0.5,
  neighbourExponent: 0.5,
  selfWeight: 1 / 3,
  temperature: 0.2,
  activityExponent: 0.5,
  itemsMax: 4096,
  steps: 160,
  usersPerStep: 8192,
  learningRate: 0.1,
  measureEvery: 10,
};

/** Scores of a pass over all users beyond which only temperatures are chosen. */
const SCORES_MAX = 1e8;

/** Settings worth trying on a data set: sparser data wants more of its neighbourhood. */
export function lightGcnGrid({ rowCount, columnCount }: InteractionMatrix): readonly LightGcnOptions[] {
  const temperatures = [0.2, 0.14].map((temperature) => ({ ...lightGcnDefaults, temperature }));
  if (rowCount * Math.min(columnCount, lightGcnDefaults.itemsMax) > SCORES_MAX) return temperatures;
  return [
    ...temperatures,
    { ...lightGcnDefaults, ownExponent: 0.6, neighbourExponent: 0.3 },
    { ...lightGcnDefaults, layers: 3, selfWeight: 0.1 },
  ];
}

/** Then temperatures beyond the better one for as long as they help. */
export const lightGcnRefinements: readonly Refinement<LightGcnOptions>[] = [
  (_, best) => [{ ...best, temperature: best.temperature < 0.2 ? 0.1 : 0.28 }],
  (_, best) => (best.temperature === 0.28 ? [{ ...best, temperature: 0.4 }] : []),
];

/** Half the steps: a third of them would prefer low temperatures, which learn faster. */
export function lightGcnTrial(options: LightGcnOptions): LightGcnOptions {
  return { ...options, steps: Math.ceil(options.steps / 2) };
}

const INITIAL_DEVIATION = 0.1;

/**
 * The factors are unit vectors: a history that training has not seen has the mean of its items', or what `foldable` finds.
 * Weights and order of the entries are not used. Deterministic for a seed.
 */
export async function fitLightGcn(
  matrix: InteractionMatrix,
  options: LightGcnOptions,
  run: FitRun,
): Promise<VectorModel> {
  const { dim, steps, learningRate, measureEvery } = options;
  const random = new Random(run.seed);
  using pool = new KernelPool(run.threads);
  const size = (matrix.rowCount + matrix.columnCount) * dim;
  const embeddings = pool.f32(size);
  for (let i = 0; i < size; i++) embeddings[i] = INITIAL_DEVIATION * random.normal();
  const [vectors, byVectors, byEmbeddings] = [pool.f32(size), pool.f32(size), pool.f32(size)];
  const convolution = new GraphConvolution(pool, matrix, dim, options);
  await using loss = await SoftmaxLoss.open(pool, matrix, dim, options, random);
  const adam = new Adam(size);
  const units = new Float32Array(size);
  const firstItem = matrix.rowCount * dim;
  const model = vectorModel(dim, units.subarray(0, firstItem), units.subarray(firstItem));
  const stopping = new EarlyStopping(run.heldOut, model, [units]);
  const batches = new UserBatches(matrix.rowCount, options.usersPerStep, random);
  for (let step = 1; step <= steps; step++) {
    convolution.forward(embeddings, vectors);
    await loss.gradient(vectors, batches.next(), byVectors);
    convolution.backward(byVectors, byEmbeddings);
    adam.step(embeddings, byEmbeddings, learningRate * Math.min(1, 2 - (2 * (step - 1)) / steps));
    run.onProgress?.(step, steps);
    if (step % measureEvery !== 0 && step !== steps) continue;
    convolution.forward(embeddings, vectors);
    loss.units(vectors, units);
    if (await stopping.shouldStop()) break;
  }
  stopping.restore();
  return model;
}

/** All rows again and again, each time in a new order, so many at a time. */
class UserBatches {
  readonly #random: Random;
  readonly #order: Uint32Array;
  readonly #size: number;
  #next = 0;

  constructor(rows: number, sizeMax: number, random: Random) {
    this.#random = random;
    this.#order = Uint32Array.from({ length: rows }, (_, row) => row);
    this.#size = Math.ceil(rows / Math.ceil(rows / sizeMax));
  }

  next(): Uint32Array {
    if (this.#size === this.#order.length) return this.#order;
    if (this.#next === 0) this.#random.shuffle(this.#order);
    const batch = this.#order.subarray(this.#next, this.#next + this.#size);
    this.#next += this.#size;
    if (this.#next >= this.#order.length) this.#next = 0;
    return batch;
  }
}
