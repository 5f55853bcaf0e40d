import { logLoss } from '../metrics/classification.ts';
import type { Column } from '../onnx/batches.ts';
import { toBytes } from '../onnx/encode.ts';
import { Graph, type Value } from '../onnx/graph.ts';
import { binaryCrossEntropy } from '../onnx/losses.ts';
import { add, gemm, probability, relu, reshape } from '../onnx/operators.ts';
import { FEATURES_INPUT, SCORE_OUTPUT, schemaMetadata } from '../onnx/scorer.ts';
import { type Epoch, type TrainReport, train, type Validation } from '../onnx/train.ts';
import { Random } from '../random.ts';
import { type ScoreRegularisation, scoreRegularised } from '../stability/score-regularisation.ts';
import { checkExamples, type Examples } from './examples.ts';
import { correctedLabels, type PositionBias, positionTower } from './position-tower.ts';
import { fitStandardiser, type Standardiser, standardise } from './standardiser.ts';

export interface PointwiseOptions {
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Of Adam, at the start; it falls to 0 along a half cosine. */
  readonly learningRate: number;
  /** Weight of l2 / 2 · Σw² in the loss; biases are free. */
  readonly l2: number;
  /** Stops early and keeps the best epoch. */
  readonly validation?: PointwiseValidation;
  /** Keeps the scores near those of another model. */
  readonly teacher?: PointwiseTeacher;
  /** Corrects for the slots in which the training examples were shown; the scores are those of slot 0. */
  readonly positionBias?: PositionBias;
  /** Written to the model, for whoever opens it to check. */
  readonly featureSchemaHash?: string;
  readonly onProgress?: (epoch: Epoch) => void;
  /** ONNX Runtime's threads. Default 1. */
  readonly threads?: number;
}

export interface PointwiseValidation {
  readonly examples: Examples;
  /** Epochs without improvement before training stops. */
  readonly patience: number;
  /** Figure of merit of one probability a row, higher is better. Default: minus the log loss, for labels 0 and 1. */
  readonly metric?: (probabilities: Float32Array) => number;
}

export interface PointwiseTeacher extends ScoreRegularisation {
  /** The teacher's probability of a positive, one an example, calibrated on the same labels and weights. */
  readonly probabilities: Float32Array;
}

/** `weights` [inputs × outputs], row-major; `bias` [outputs]. */
export interface DenseLayer {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export interface PointwiseModel {
  readonly standardiser: Standardiser;
  /** From the input on; ReLU between two, and the last has one output, the logit. */
  readonly layers: readonly DenseLayer[];
  /**
   * Serving graph: `features` float32 [N, width], NaN = missing → `score` float32 [N], the probability of a positive as
   * the training rows (and their weights) had it.
   */
  readonly onnx: Uint8Array;
  readonly report: TrainReport;
}

/**
 * A probability by binary cross-entropy on standardised features through hidden layers of the given sizes; none make it
 * logistic regression. Standardisation and missing values are part of the graph, so that what is trained is what serves.
 */
export async function fitPointwise(
  examples: Examples,
  hidden: readonly number[],
  options: PointwiseOptions,
): Promise<PointwiseModel> {
  checkExamples(examples);
  const { validation, teacher: _, positionBias, featureSchemaHash, ...training } = options;
  const standardiser = fitStandardiser(examples.features, examples.width);
  const graph = new Graph();
  const features = graph.input(FEATURES_INPUT, ['N', examples.width]);
  const input = standardise(graph, features, standardiser);
  const { logits, layers } = denseLayers(input, [...hidden, 1], options.seed);
  const score = probability(logits, SCORE_OUTPUT);
  const corrected = { ...examples, labels: correctedLabels(examples.labels, positionBias) };
  const weights = meanOne(examples);
  layers.at(-1)!.bias[0] = logOdds(corrected.labels, weights);
  const { loss, columns } = trainingLoss(logits, corrected, weights, options);
  columns.push({ input: features, data: examples.features });
  const report = await train(loss, graph.parameters, columns, {
    ...training,
    schedule: 'cosine',
    ...(validation && { validation: trainValidation(validation, features, score) }),
  });
  const metadata = schemaMetadata(featureSchemaHash);
  const onnx = toBytes(graph, { outputs: { [SCORE_OUTPUT]: score }, parameters: 'initialisers', metadata });
  return { standardiser, layers, onnx, report };
}

/** The loss of the logits with all that only training knows, and the columns that it is fed beside the features. */
function trainingLoss(
  logits: Value,
  { labels }: Examples,
  exampleWeights: Float32Array,
  { teacher, positionBias }: Pick<PointwiseOptions, 'teacher' | 'positionBias'>,
): { loss: Value; columns: Column[] } {
  const { graph } = logits;
  const target = graph.input('labels', ['N']);
  const weights = graph.input('weights', ['N']);
  const columns: Column[] = [
    { input: target, data: labels },
    { input: weights, data: exampleWeights },
  ];
  const tower =
    positionBias?.propensities === undefined
      ? positionBias && positionTower(graph, positionBias.positions)
      : undefined;
  if (tower !== undefined) columns.push(tower.column);
  const observed = tower === undefined ? logits : add(logits, tower.logit);
  const loss = binaryCrossEntropy(observed, target, weights);
  if (teacher === undefined || teacher.lambda === 0) return { loss, columns };
  const taught = graph.input('teacher', ['N']);
  columns.push({ input: taught, data: teacher.probabilities });
  return { loss: scoreRegularised(loss, logits, taught, teacher, weights), columns };
}

/** Layers from `input` on, each of `sizes` outputs; the last, of one, starts at zero and gives the logits [N]. */
export function denseLayers(
  input: Value,
  sizes: readonly number[],
  seed: number,
): { logits: Value; layers: DenseLayer[] } {
  const random = new Random(seed);
  const { graph } = input;
  let x = input;
  const layers = sizes.map((outputs, i): DenseLayer => {
    const inputs = x.shape[1] as number;
    const last = i === sizes.length - 1;
    const deviation = last ? 0 : Math.sqrt(2 / inputs);
    const weights = Float32Array.from({ length: inputs * outputs }, () => deviation * random.normal());
    const bias = new Float32Array(outputs);
    x = gemm(
      x,
      graph.parameter(`weights_${i}`, [inputs, outputs], weights),
      { bias: graph.parameter(`bias_${i}`, [outputs], bias, false) },
      `dense_${i}`,
    );
    if (!last) x = relu(x, `relu_${i}`);
    return { weights, bias };
  });
  return { logits: reshape(x, ['N'], 'logits'), layers };
}

function trainValidation(validation: PointwiseValidation, features: Value, score: Value): Validation {
  const { examples, patience } = validation;
  checkExamples(examples);
  if (examples.width !== features.shape[1]) {
    throw new Error(`validation: examples of width ${examples.width}, training has ${features.shape[1]}`);
  }
  return {
    columns: [{ input: features, data: examples.features }],
    output: score,
    metric: validation.metric ?? negativeLogLoss(examples.labels),
    patience,
  };
}

function negativeLogLoss(labels: Float32Array): (probabilities: Float32Array) => number {
  const row = labels.findIndex((label) => label !== 0 && label !== 1);
  if (row >= 0) throw new Error(`validation: label ${labels[row]} in row ${row} needs a metric of its own`);
  return (probabilities) => -logLoss(probabilities, labels);
}

/** The weights, scaled to a mean of 1. */
function meanOne({ rows, weights }: Examples): Float32Array {
  if (weights === undefined) return new Float32Array(rows).fill(1);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / rows;
  return weights.map((weight) => weight / mean);
}

/** The logit of the weighted base rate, drawn in from 0 and 1 by half an example on each side. */
function logOdds(labels: Float32Array, weights: Float32Array): number {
  const positive = labels.reduce((sum, label, row) => sum + weights[row] * label, 0.5);
  const most = labels.length + 0.5;
  return Math.log(Math.min(positive, most) / (labels.length + 1 - Math.min(positive, most)));
}
