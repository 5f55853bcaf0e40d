import type { InferenceSession } from 'onnxruntime-node';
import { Random } from '../random.ts';
import { Batches, type Column } from './batches.ts';
import { EmbeddingTables, sparseTables } from './embedding-tables.ts';
import { toBytes } from './encode.ts';
import { type Feeds, GradientStep } from './gradient-step.ts';
import type { Parameter, Value } from './graph.ts';
import {
  Adam,
  addPenalties,
  clipNorm,
  type Optimiser,
  type OptimiserName,
  type Penalties,
  Sgd,
} from './optimiser.ts';
import { openSession } from './session.ts';

/** Measures predictions of held-out rows. */
export interface Validation {
  readonly columns: readonly Column[];
  /** The value to predict, float32 [N]; it depends on `columns` only. */
  readonly output: Value;
  /** From one prediction a row to a figure of merit: higher is better. */
  readonly metric: (predictions: Float32Array) => number;
  /** Epochs without a better figure before training stops. */
  readonly patience: number;
}

/** Measures the parameters themselves, which hold the epoch's values while it runs. */
export interface MeritValidation {
  /** Figure of merit: higher is better. */
  readonly merit: () => number | Promise<number>;
  /** Measurements without a better figure before training stops. */
  readonly patience: number;
  /** Epochs from one measurement to the next. Default 1. */
  readonly every?: number;
}

/** The rows of an epoch: the same in each, or made for it. */
export type Columns = readonly Column[] | ((epoch: number) => readonly Column[]);

export interface Epoch {
  /** From 1. */
  readonly epoch: number;
  /** Mean training loss over the epoch's rows, penalties not counted. */
  readonly loss: number;
  /** The validation metric after the epoch, where it was measured. */
  readonly metric?: number;
}

export interface TrainOptions extends Penalties {
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Default adam. */
  readonly optimiser?: OptimiserName;
  /** `cosine` falls from `learningRate` to 0 over all planned steps. Default constant. */
  readonly schedule?: 'constant' | 'cosine';
  /** Largest Euclidean norm of a step's gradient. Default: not clipped. */
  readonly clipNorm?: number;
  /** Stops early, and the best epoch's parameters are kept. */
  readonly validation?: Validation | MeritValidation;
  readonly onProgress?: (epoch: Epoch) => void;
  /** ONNX Runtime's threads. Default 1. */
  readonly threads?: number;
}

export interface TrainReport {
  readonly history: readonly Epoch[];
  /** The epoch whose parameters were kept: the one of the best metric, or the last. */
  readonly bestEpoch: number;
}

const VALIDATION_BATCH = 4096;

/**
 * Minimises `loss` over the rows of `columns` in shuffled minibatches and writes the result into `parameters`, where an
 * export of the same graph finds it. Tables that the graph reads by `embedding` and `embeddingBag` alone are trained
 * sparsely: only the rows that a batch names move, and L1, L2 apply to those. Equal arguments give equal bits on one
 * machine. Throws when the loss leaves the finite numbers.
 */
export async function train(
  loss: Value,
  parameters: readonly Parameter[],
  columns: Columns,
  options: TrainOptions,
): Promise<TrainReport> {
  const { threads = 1, validation, optimiser = 'adam' } = options;
  const sparse = sparseTables(loss, parameters);
  const dense = parameters.filter((parameter) => !sparse.includes(parameter));
  const tables = new EmbeddingTables(loss, sparse, optimiser);
  await using step = await GradientStep.open(loss, dense, { threads, inputGradients: tables.values });
  const descent = new Descent(step, tables, columns, options);
  await using validator = validation && (await openValidator(validation, step, tables, threads));
  const history: Epoch[] = [];
  let bestEpoch = 0;
  let bestMetric = Number.NEGATIVE_INFINITY;
  let best: readonly Float32Array[] = [];
  let patience = validation?.patience ?? 0;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const mean = await descent.epoch(epoch);
    const metric = await validator?.measure(epoch);
    history.push({ epoch, loss: mean, ...(metric === undefined ? {} : { metric }) });
    options.onProgress?.(history.at(-1)!);
    if (validation === undefined) bestEpoch = epoch;
    if (metric === undefined) continue;
    if (Number.isNaN(metric)) throw new Error(`the validation metric is NaN after epoch ${epoch}`);
    if (metric > bestMetric) {
      bestEpoch = epoch;
      bestMetric = metric;
      best = [step.parameters, ...tables.tables].map((array) => array.slice());
      patience = validation!.patience;
    } else if (--patience <= 0) break;
  }
  const [bestParameters, ...bestTables] = best;
  step.commit(bestParameters);
  tables.tables.forEach((table, i) => {
    if (best.length > 0) table.set(bestTables[i]);
  });
  return { history, bestEpoch };
}

/** The steps of one run: shuffling, learning rate, penalties, clipping, optimiser. */
class Descent {
  readonly #step: GradientStep;
  readonly #tables: EmbeddingTables;
  readonly #columns: Columns;
  readonly #options: TrainOptions;
  readonly #random: Random;
  readonly #optimiser: Optimiser;
  #batches: Batches | undefined;
  #order = new Uint32Array(0);

  constructor(step: GradientStep, tables: EmbeddingTables, columns: Columns, options: TrainOptions) {
    this.#step = step;
    this.#tables = tables;
    this.#columns = columns;
    this.#options = options;
    this.#random = new Random(options.seed);
    const size = step.parameters.length;
    this.#optimiser = options.optimiser === 'sgd' ? new Sgd(size) : new Adam(size);
  }

  /** One pass over the rows in a new order; the mean loss. */
  async epoch(epoch: number): Promise<number> {
    const batches = this.#rowsOf(epoch);
    const { rows, size } = batches;
    this.#random.shuffle(this.#order);
    let total = 0;
    for (let start = 0; start < rows; start += size) {
      const end = Math.min(start + size, rows);
      const batch = batches.gather(this.#order, start, end);
      const feeds = { ...batches.feeds(batch, this.#step.inputNames), ...this.#tables.lookUp(batch) };
      const { loss, inputGradients } = await this.#step.run(feeds);
      if (!Number.isFinite(loss))
        throw new Error(`the loss became ${loss} in epoch ${epoch}, after row ${start}`);
      total += loss * (end - start);
      this.#tables.accumulate(batch, inputGradients);
      this.#move(this.#rate(epoch - 1 + start / rows));
    }
    return total / rows;
  }

  #rowsOf(epoch: number): Batches {
    if (this.#batches !== undefined && typeof this.#columns !== 'function') return this.#batches;
    const columns = typeof this.#columns === 'function' ? this.#columns(epoch) : this.#columns;
    this.#batches = new Batches(columns, this.#options.batchSize);
    const { rows } = this.#batches;
    if (rows === 0) throw new Error('there are no rows to train on');
    if (rows !== this.#order.length) this.#order = Uint32Array.from({ length: rows }, (_, row) => row);
    return this.#batches;
  }

  #move(rate: number): void {
    const { parameters, gradients } = this.#step;
    addPenalties(parameters, gradients, this.#step.regularisedRanges(), this.#options);
    this.#tables.addPenalties(this.#options);
    if (this.#options.clipNorm !== undefined)
      clipNorm([gradients, ...this.#tables.gradients], this.#options.clipNorm);
    this.#optimiser.step(parameters, gradients, rate);
    this.#tables.step(rate);
  }

  #rate(epochsDone: number): number {
    const { schedule = 'constant', learningRate, epochs } = this.#options;
    if (schedule === 'constant') return learningRate;
    return (learningRate * (1 + Math.cos((Math.PI * epochsDone) / epochs))) / 2;
  }
}

interface Validator extends AsyncDisposable {
  /** The figure after an epoch, or undefined where none is due. */
  measure(epoch: number): Promise<number | undefined>;
}

async function openValidator(
  validation: Validation | MeritValidation,
  step: GradientStep,
  tables: EmbeddingTables,
  threads: number,
): Promise<Validator> {
  if ('merit' in validation) return meritValidator(validation, step);
  const { output } = validation;
  const model = toBytes(output.graph, { outputs: { [output.name]: output }, parameters: 'inputs' });
  const session = await openSession(model, threads);
  return new PredictionValidator(validation, session, { ...step.parameterFeeds, ...tables.feeds });
}

function meritValidator({ merit, every = 1 }: MeritValidation, step: GradientStep): Validator {
  return {
    async measure(epoch) {
      if (epoch % every !== 0) return undefined;
      step.commit();
      return await merit();
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** Predicts `validation.output` with the parameters as they stand in a step, and measures it. */
class PredictionValidator implements Validator {
  readonly #validation: Validation;
  readonly #session: InferenceSession;
  readonly #parameters: Feeds;
  readonly #batches: Batches;
  readonly #order: Uint32Array;
  readonly #predictions: Float32Array;

  constructor(validation: Validation, session: InferenceSession, parameters: Feeds) {
    this.#validation = validation;
    this.#session = session;
    this.#parameters = parameters;
    this.#batches = new Batches(validation.columns, VALIDATION_BATCH);
    const { rows } = this.#batches;
    this.#order = Uint32Array.from({ length: rows }, (_, row) => row);
    this.#predictions = new Float32Array(rows);
  }

  async measure(): Promise<number> {
    const { rows, size } = this.#batches;
    for (let start = 0; start < rows; start += size) {
      const batch = this.#batches.gather(this.#order, start, Math.min(start + size, rows));
      const feeds = this.#batches.feeds(batch, this.#session.inputNames);
      const results = await this.#session.run({ ...feeds, ...this.#parameters });
      this.#predictions.set(results[this.#validation.output.name].data as Float32Array, start);
    }
    return this.#validation.metric(this.#predictions);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}
