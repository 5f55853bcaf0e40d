import type { InferenceSession } from 'onnxruntime-node';
import { Random } from '../random.ts';
import { Batches, type Column } from './batches.ts';
import { toBytes } from './encode.ts';
import { GradientStep } from './gradient-step.ts';
import type { Parameter, Value } from './graph.ts';
import { Adam, addPenalties, clipNorm, type Optimiser, type Penalties, Sgd } from './optimiser.ts';
import { openSession } from './session.ts';

export interface Validation {
  readonly columns: readonly Column[];
  /** The value to predict, float32 [N]; it depends on `columns` only. */
  readonly output: Value;
  /** From one prediction a row to a figure of merit: higher is better. */
  readonly metric: (predictions: Float32Array) => number;
  /** Epochs without a better figure before training stops. */
  readonly patience: number;
}

export interface Epoch {
  /** From 1. */
  readonly epoch: number;
  /** Mean training loss over the epoch's rows, penalties not counted. */
  readonly loss: number;
  /** The validation metric after the epoch, where there is a validation. */
  readonly metric?: number;
}

export interface TrainOptions extends Penalties {
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Default adam. */
  readonly optimiser?: 'adam' | 'sgd';
  /** `cosine` falls from `learningRate` to 0 over all planned steps. Default constant. */
  readonly schedule?: 'constant' | 'cosine';
  /** Largest Euclidean norm of a step's gradient. Default: not clipped. */
  readonly clipNorm?: number;
  /** Stops early, and the best epoch's parameters are kept. */
  readonly validation?: Validation;
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
 * export of the same graph finds it. Equal arguments give equal bits on one machine. Throws when the loss leaves the
 * finite numbers.
 */
export async function train(
  loss: Value,
  parameters: readonly Parameter[],
  columns: readonly Column[],
  options: TrainOptions,
): Promise<TrainReport> {
  const { threads = 1, validation } = options;
  await using step = await GradientStep.open(loss, parameters, { threads });
  const batches = new Batches(columns, options.batchSize);
  if (batches.rows === 0) throw new Error('there are no rows to train on');
  const descent = new Descent(step, batches, options);
  await using validator = validation && (await Validator.open(step, validation, threads));
  const history: Epoch[] = [];
  let bestEpoch = 0;
  let bestMetric = Number.NEGATIVE_INFINITY;
  let bestParameters = step.parameters;
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const mean = await descent.epoch(epoch);
    const metric = await validator?.run();
    history.push({ epoch, loss: mean, ...(metric === undefined ? {} : { metric }) });
    options.onProgress?.(history.at(-1)!);
    if (metric === undefined) bestEpoch = epoch;
    else if (Number.isNaN(metric)) throw new Error(`the validation metric is NaN after epoch ${epoch}`);
    else if (metric > bestMetric) {
      bestEpoch = epoch;
      bestMetric = metric;
      bestParameters = step.parameters.slice();
    } else if (epoch - bestEpoch >= validation!.patience) break;
  }
  step.commit(bestParameters);
  return { history, bestEpoch };
}

/** The steps of one run: shuffling, learning rate, penalties, clipping, optimiser. */
class Descent {
  readonly #step: GradientStep;
  readonly #batches: Batches;
  readonly #options: TrainOptions;
  readonly #order: Uint32Array;
  readonly #random: Random;
  readonly #optimiser: Optimiser;

  constructor(step: GradientStep, batches: Batches, options: TrainOptions) {
    this.#step = step;
    this.#batches = batches;
    this.#options = options;
    this.#order = Uint32Array.from({ length: batches.rows }, (_, row) => row);
    this.#random = new Random(options.seed);
    const size = step.parameters.length;
    this.#optimiser = options.optimiser === 'sgd' ? new Sgd(size) : new Adam(size);
  }

  /** One pass over the rows in a new order; the mean loss. */
  async epoch(epoch: number): Promise<number> {
    const { rows, size } = this.#batches;
    const ranges = this.#step.regularisedRanges();
    this.#random.shuffle(this.#order);
    let total = 0;
    for (let start = 0; start < rows; start += size) {
      const end = Math.min(start + size, rows);
      const { loss } = await this.#step.run(this.#batches.gather(this.#order, start, end));
      if (!Number.isFinite(loss))
        throw new Error(`the loss became ${loss} in epoch ${epoch}, after row ${start}`);
      total += loss * (end - start);
      const { parameters, gradients } = this.#step;
      addPenalties(parameters, gradients, ranges, this.#options);
      if (this.#options.clipNorm !== undefined) clipNorm(gradients, this.#options.clipNorm);
      this.#optimiser.step(parameters, gradients, this.#rate(epoch - 1 + start / rows));
    }
    return total / rows;
  }

  #rate(epochsDone: number): number {
    const { schedule = 'constant', learningRate, epochs } = this.#options;
    if (schedule === 'constant') return learningRate;
    return (learningRate * (1 + Math.cos((Math.PI * epochsDone) / epochs))) / 2;
  }
}

/** Predicts `validation.output` with the parameters as they stand in a step, and measures it. */
class Validator {
  readonly #step: GradientStep;
  readonly #validation: Validation;
  readonly #session: InferenceSession;
  readonly #batches: Batches;
  readonly #predictions: Float32Array;

  private constructor(step: GradientStep, validation: Validation, session: InferenceSession) {
    this.#step = step;
    this.#validation = validation;
    this.#session = session;
    this.#batches = new Batches(validation.columns, 0);
    this.#predictions = new Float32Array(this.#batches.rows);
  }

  static async open(step: GradientStep, validation: Validation, threads: number): Promise<Validator> {
    const { output } = validation;
    const model = toBytes(output.graph, { outputs: { [output.name]: output }, parameters: 'inputs' });
    return new Validator(step, validation, await openSession(model, threads));
  }

  async run(): Promise<number> {
    const { rows } = this.#batches;
    for (let start = 0; start < rows; start += VALIDATION_BATCH) {
      const feeds = this.#batches.view(start, Math.min(start + VALIDATION_BATCH, rows));
      const results = await this.#session.run({ ...feeds, ...this.#step.parameterFeeds });
      this.#predictions.set(results[this.#validation.output.name].data as Float32Array, start);
    }
    return this.#validation.metric(this.#predictions);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}
