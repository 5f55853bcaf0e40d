import { Tensor } from 'onnxruntime-node';
import type { Column } from '../onnx/batches.ts';
import { toBytes } from '../onnx/encode.ts';
import { Graph, type Value } from '../onnx/graph.ts';
import { add, mul, reduceMean, reshape, slice } from '../onnx/operators.ts';
import { FEATURES_INPUT, SCORE_OUTPUT, schemaMetadata } from '../onnx/scorer.ts';
import { openSession } from '../onnx/session.ts';
import { type Epoch, type TrainReport, train, type Validation } from '../onnx/train.ts';
import { Random } from '../random.ts';
import { scoreRegularised } from '../stability/score-regularisation.ts';
import { type Calibration, calibrate } from './calibration.ts';
import { type DeepCrossOptions, deepCross } from './deep-cross.ts';
import { encodeFeatures, encodeRow } from './encoded-features.ts';
import {
  columnsHash,
  type FeatureColumn,
  type FeatureEncoding,
  fitFeatureEncoding,
} from './feature-columns.ts';
import { lookupColumns, meanSquare } from './layers.ts';
import { linearPart, type Network, type NetworkContext } from './networks.ts';
import { type NeuralFactorisationOptions, neuralFactorisation } from './neural-factorisation.ts';
import type { PointwiseTeacher } from './pointwise.ts';
import { correctedLabels, type PositionBias, positionTower } from './position-tower.ts';
import {
  calibrated,
  calibratedRow,
  checkTaskExamples,
  fitTargets,
  rowLosses,
  TASK_LINKS,
  type Task,
  type TaskExamples,
  type TaskTargets,
  targetsAs,
} from './tasks.ts';
import { type DeepOptions, deep, wideDeep } from './wide-deep.ts';
import { fitWideEncoding } from './wide-features.ts';

/** Which network, and its shape. */
export type NetworkSettings =
  | { readonly model: 'logistic' }
  | ({ readonly model: 'mlp' } & DeepOptions)
  | ({ readonly model: 'widedeep' } & DeepOptions)
  | ({ readonly model: 'dcn' } & DeepCrossOptions)
  | ({ readonly model: 'neumf' } & NeuralFactorisationOptions);

export interface SecondStageOptions {
  readonly network: NetworkSettings;
  /** What the features are, one a column. */
  readonly columns: readonly FeatureColumn[];
  /** One head each. */
  readonly tasks: readonly Task[];
  /** The task whose output is the model's score too. Default: the first. */
  readonly score?: string;
  /** Most bins of a numeric column. */
  readonly bins: number;
  /** Most cross products of the wide part. */
  readonly crosses: number;
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Of Adam, at the start; it falls to 0 along a half cosine. */
  readonly learningRate: number;
  /** Weight of l2 / 2 · Σw² in the loss, over dense weights; biases are free. */
  readonly l2: number;
  /** The same over a row's embeddings and indicators, as a mean over rows. */
  readonly lookupL2: number;
  /** Stops early and keeps the best epoch; the outputs are calibrated on it. Without it they are on the training rows. */
  readonly validation?: SecondStageValidation;
  /** Keeps the score near another model's; the score's task is binary. */
  readonly teacher?: PointwiseTeacher;
  /**
   * Corrects the score for the slots in which the training examples were shown; the score's task is binary. It is then the probability in
   * slot 0 as it was learnt, not calibrated on other rows.
   */
  readonly positionBias?: PositionBias;
  /** Written to the model, for whoever opens it to check. Default: the hash of `columns`. */
  readonly featureSchemaHash?: string;
  readonly onProgress?: (epoch: Epoch) => void;
  /** ONNX Runtime's threads. Default 1. */
  readonly threads?: number;
}

export interface SecondStageValidation {
  readonly examples: TaskExamples;
  /** Epochs without improvement before training stops. */
  readonly patience: number;
  /** Figure of merit of the score's task, from its uncalibrated output. Default: minus the sum of all tasks' losses. */
  readonly metric?: (raw: Float32Array) => number;
}

export interface SecondStageModel {
  /**
   * Serving graph: `features` float32 [N, columns], NaN = missing → `score` and one output a task, float32 [N], on the scale
   * of its labels.
   */
  readonly onnx: Uint8Array;
  readonly report: TrainReport;
  readonly calibrations: Readonly<Record<string, Calibration>>;
  /** Trained parameters. */
  readonly parameterCount: number;
  /** Every task's output in plain float64, independent of the graph. */
  reference(features: Float32Array): Record<string, Float64Array>;
}

const CROSS_CODES = 32;

/**
 * A multi-task network over one shared body: each task has a head, a loss of its own over the rows that have its label, and an
 * output calibrated by a monotone map inside the graph, as the encoding of the features is: what is trained is what serves.
 */
export async function fitSecondStage(
  examples: TaskExamples,
  options: SecondStageOptions,
): Promise<SecondStageModel> {
  const { columns, tasks, network: settings, validation } = options;
  checkTaskExamples(examples, tasks);
  checkWidth('training', examples, columns);
  checkScoreTask(options);
  const encoding = fitFeatureEncoding(examples.features, columns, { bins: options.bins });
  const observed = withCorrectedScore(examples, options);
  const targets = tasks.map((task) => fitTargets(observed, task));
  const graph = new Graph();
  const features = graph.input(FEATURES_INPUT, ['N', columns.length]);
  const network = buildNetwork(settings, {
    encoding,
    encoded: encodeFeatures(features, encoding),
    wide: fitWideEncoding(examples.features, encoding, positives(examples, targets[0]), {
      crosses: settings.model === 'widedeep' ? options.crosses : 0,
      crossCodes: CROSS_CODES,
    }),
    random: new Random(options.seed),
    start: Float32Array.from(targets, ({ start }) => start),
  });
  const heads = tasks.map((_, head) =>
    reshape(slice(network.output, 1, head, head + 1), ['N'], `raw_${head}`),
  );
  const losses = new TaskLosses(graph, tasks);
  const training = trainingLoss(heads, losses, options);
  const report = await train(
    withPenalty(training.loss, network, options.lookupL2),
    graph.parameters,
    [
      { input: features, data: examples.features },
      ...losses.columns(targets),
      ...training.columns,
      ...lookupColumns(network.lookups, examples, encoding),
    ],
    {
      ...trainOptions(options),
      schedule: 'cosine',
      ...(validation && {
        validation: trainValidation(validation, options, { features, heads, losses, targets }),
      }),
    },
  );
  const fitted = await fitCalibrations(graph, heads, targets, validation?.examples ?? examples);
  const calibrations = options.positionBias === undefined ? fitted : withPrior(fitted, targets, options);
  return {
    onnx: exported(graph, heads, calibrations, options),
    report,
    calibrations: Object.fromEntries(tasks.map(({ name }, head) => [name, calibrations[head]])),
    parameterCount: graph.parameters.reduce((sum, { data }) => sum + data.length, 0),
    reference: (rows) => referenceOutputs(rows, encoding, network, tasks, calibrations),
  };
}

function buildNetwork(settings: NetworkSettings, context: NetworkContext): Network {
  switch (settings.model) {
    case 'logistic':
      return linearPart(context);
    case 'mlp':
      return deep(context, settings);
    case 'widedeep':
      return wideDeep(context, settings);
    case 'dcn':
      return deepCross(context, settings);
    case 'neumf':
      return neuralFactorisation(context, settings);
  }
}

function checkWidth(part: string, { width }: TaskExamples, columns: readonly FeatureColumn[]): void {
  if (width !== columns.length)
    throw new Error(`${part}: examples of width ${width}, there are ${columns.length} columns`);
}

/** Whether a row's label of the first task is above the mean: what the cross products are chosen by. */
function positives({ rows }: TaskExamples, { targets, weights, task }: TaskTargets): Uint8Array {
  const middle = task.kind === 'binary' ? 0.5 : 0;
  return Uint8Array.from({ length: rows }, (_, row) => Number(weights[row] > 0 && targets[row] > middle));
}

/** The examples with the labels of the score as they would be in slot 0, where propensities say. */
function withCorrectedScore(examples: TaskExamples, options: SecondStageOptions): TaskExamples {
  const { name } = options.tasks[scoreHead(options)];
  const { labels } = examples;
  return { ...examples, labels: { ...labels, [name]: correctedLabels(labels[name], options.positionBias) } };
}

/** The losses of all tasks in the graph, and the columns that feed them. */
class TaskLosses {
  readonly #tasks: readonly Task[];
  readonly #inputs: readonly { readonly targets: Value; readonly weights: Value }[];

  constructor(graph: Graph, tasks: readonly Task[]) {
    this.#tasks = tasks;
    this.#inputs = tasks.map((_, head) => ({
      targets: graph.input(`targets_${head}`, ['N']),
      weights: graph.input(`weights_${head}`, ['N']),
    }));
  }

  /** [N]: the weighted sum over tasks. */
  rows(heads: readonly Value[]): Value {
    return this.#tasks
      .map((task, head) => {
        const { targets, weights } = this.#inputs[head];
        return rowLosses(task, heads[head], targets, weights);
      })
      .reduce((sum, loss) => add(sum, loss));
  }

  /** The weights [N] of one task's rows. */
  weights(head: number): Value {
    return this.#inputs[head].weights;
  }

  columns(parts: readonly Pick<TaskTargets, 'targets' | 'weights'>[]) {
    return parts.flatMap(({ targets, weights }, head) => [
      { input: this.#inputs[head].targets, data: targets },
      { input: this.#inputs[head].weights, data: weights },
    ]);
  }
}

/** The loss of the heads with what only training knows of the score, and the columns that it is fed for that. */
function trainingLoss(
  heads: readonly Value[],
  losses: TaskLosses,
  options: SecondStageOptions,
): { loss: Value; columns: Column[] } {
  const { teacher, positionBias } = options;
  const score = scoreHead(options);
  const { graph } = heads[score];
  const tower =
    positionBias === undefined || positionBias.propensities !== undefined
      ? undefined
      : positionTower(graph, positionBias.positions);
  const observed = tower === undefined ? heads : heads.with(score, add(heads[score], tower.logit));
  const loss = reduceMean(losses.rows(observed));
  const columns = tower === undefined ? [] : [tower.column];
  if (teacher === undefined || teacher.lambda === 0) return { loss, columns };
  const taught = graph.input('teacher', ['N']);
  return {
    loss: scoreRegularised(loss, heads[score], taught, teacher, losses.weights(score)),
    columns: [...columns, { input: taught, data: teacher.probabilities }],
  };
}

function withPenalty(loss: Value, { lookups }: Network, lookupL2: number): Value {
  if (lookupL2 === 0) return loss;
  return lookups.reduce((sum, lookup) => add(sum, mul(meanSquare(lookup), lookupL2 / 2)), loss);
}

function trainOptions({
  seed,
  epochs,
  batchSize,
  learningRate,
  l2,
  onProgress,
  threads,
}: SecondStageOptions) {
  return {
    seed,
    epochs,
    batchSize,
    learningRate,
    l2,
    ...(onProgress && { onProgress }),
    ...(threads !== undefined && { threads }),
  };
}

interface Built {
  readonly features: Value;
  readonly heads: readonly Value[];
  readonly losses: TaskLosses;
  readonly targets: readonly TaskTargets[];
}

function trainValidation(
  { examples, patience, metric }: SecondStageValidation,
  options: SecondStageOptions,
  { features, heads, losses, targets }: Built,
): Validation {
  checkTaskExamples(examples, options.tasks);
  checkWidth('validation', examples, options.columns);
  const column = { input: features, data: examples.features };
  if (metric !== undefined) return { columns: [column], output: heads[scoreHead(options)], metric, patience };
  const columns = [column, ...losses.columns(targets.map((of) => targetsAs(of, examples)))];
  const meanLoss = (rows: Float32Array) => rows.reduce((sum, loss) => sum + loss, 0) / rows.length;
  return { columns, output: losses.rows(heads), metric: (rows) => -meanLoss(rows), patience };
}

function scoreHead({ tasks, score }: SecondStageOptions): number {
  const head = score === undefined ? 0 : tasks.findIndex(({ name }) => name === score);
  if (head < 0) throw new Error(`there is no task '${score}' to score by`);
  return head;
}

function checkScoreTask(options: SecondStageOptions): void {
  const { name, kind } = options.tasks[scoreHead(options)];
  if (kind !== 'binary' && (options.teacher !== undefined || options.positionBias !== undefined))
    throw new Error(`task ${name} is ${kind}: teachers and position bias are for binary ones`);
}

const CALIBRATION_BATCH = 4096;

/** Calibrates every head on the given rows. */
async function fitCalibrations(
  graph: Graph,
  heads: readonly Value[],
  targets: readonly TaskTargets[],
  { features, rows, width, labels, weights }: TaskExamples,
): Promise<Calibration[]> {
  const outputs = Object.fromEntries(heads.map((head) => [head.name, head]));
  const session = await openSession(toBytes(graph, { outputs, parameters: 'initialisers' }));
  try {
    const raw = heads.map(() => new Float32Array(rows));
    for (let start = 0; start < rows; start += CALIBRATION_BATCH) {
      const end = Math.min(start + CALIBRATION_BATCH, rows);
      const batch = new Tensor('float32', features.subarray(start * width, end * width), [
        end - start,
        width,
      ]);
      const results = await session.run({ [FEATURES_INPUT]: batch });
      heads.forEach(({ name }, head) => {
        raw[head].set(results[name].data as Float32Array, start);
      });
    }
    return targets.map(({ task, prior }, head) =>
      calibrate(TASK_LINKS[task.kind], raw[head], labels[task.name], weights, prior),
    );
  } finally {
    await session.release();
  }
}

/** The score as it was learnt: labels of other slots would not be on its scale. */
function withPrior(
  calibrations: readonly Calibration[],
  targets: readonly TaskTargets[],
  options: SecondStageOptions,
): Calibration[] {
  const score = scoreHead(options);
  return calibrations.with(score, targets[score].prior);
}

function exported(
  graph: Graph,
  heads: readonly Value[],
  calibrations: readonly Calibration[],
  options: SecondStageOptions,
): Uint8Array {
  const { tasks, columns, featureSchemaHash = columnsHash(columns) } = options;
  const outputs: Record<string, Value> = {};
  tasks.forEach((task, head) => {
    outputs[task.name] = calibrated(task, heads[head], calibrations[head], task.name);
  });
  outputs[SCORE_OUTPUT] = outputs[tasks[scoreHead(options)].name];
  const metadata = schemaMetadata(featureSchemaHash);
  return toBytes(graph, { outputs, parameters: 'initialisers', metadata });
}

function referenceOutputs(
  features: Float32Array,
  encoding: FeatureEncoding,
  network: Network,
  tasks: readonly Task[],
  calibrations: readonly Calibration[],
): Record<string, Float64Array> {
  const width = encoding.columns.length;
  const rows = features.length / width;
  const outputs = tasks.map(() => new Float64Array(rows));
  for (let row = 0; row < rows; row++) {
    const raw = network.row(encodeRow(features.subarray(row * width, (row + 1) * width), encoding));
    tasks.forEach((task, head) => {
      outputs[head][row] = calibratedRow(task, raw[head], calibrations[head]);
    });
  }
  return Object.fromEntries(tasks.map(({ name }, head) => [name, outputs[head]]));
}
