import { toBytes } from '../onnx/encode.ts';
import { Graph } from '../onnx/graph.ts';
import { gemm, reshape } from '../onnx/operators.ts';
import { FEATURES_INPUT, SCORE_OUTPUT, schemaMetadata } from '../onnx/scorer.ts';
import type { Examples } from './examples.ts';
import type { DenseLayer } from './pointwise.ts';
import { fitStandardiser, type Standardiser, standardise } from './standardiser.ts';

export interface LinearOptions {
  /** Added to the diagonal of the features' correlation matrix: the weight of ½ l2 Σw² beside the mean of ½ error². */
  readonly l2: number;
  /** Written to the model, for whoever opens it to check. */
  readonly featureSchemaHash?: string;
}

export interface LinearModel {
  readonly standardiser: Standardiser;
  /** The one layer, without an activation. */
  readonly layers: readonly [DenseLayer];
  /** Serving graph: `features` float32 [N, width], NaN = missing → `score` float32 [N], the predicted label. */
  readonly onnx: Uint8Array;
}

/**
 * Linear regression of the labels on the standardised features, by normal equations with an L2 penalty; rows weigh as they say.
 * Many inputs take conjugate gradients instead, to a residual of `RESIDUAL_MAX` relative.
 */
export function fitLinear(
  examples: Omit<Examples, 'labels'> & { labels: Float32Array },
  { l2, featureSchemaHash }: LinearOptions,
): LinearModel {
  const standardiser = fitStandardiser(examples.features, examples.width);
  const { width, inverseStd, indicators } = standardiser;
  const varying = Uint32Array.from(inverseStd.keys()).filter((column) => inverseStd[column] > 0);
  const inputs = new Inputs(examples, standardiser, varying);
  const { size } = inputs;
  const penalty = Math.max(l2, SMALLEST_L2);
  const solution = size > DIRECT_MAX ? solveByGradients(inputs, penalty) : solveDirectly(inputs, penalty);
  const weights = new Float32Array(width + indicators.length);
  varying.forEach((column, i) => {
    weights[column] = solution[i];
  });
  weights.set(solution.subarray(varying.length, size - 1), width);
  const bias = Float32Array.of(solution[size - 1]);
  const graph = new Graph();
  const features = graph.input(FEATURES_INPUT, ['N', examples.width]);
  const input = standardise(graph, features, standardiser);
  const layer = gemm(input, graph.parameter('weights_0', [weights.length, 1], weights), {
    bias: graph.parameter('bias_0', [1], bias, false),
  });
  const metadata = schemaMetadata(featureSchemaHash);
  const outputs = { [SCORE_OUTPUT]: reshape(layer, ['N'], SCORE_OUTPUT) };
  const onnx = toBytes(graph, { outputs, parameters: 'initialisers', metadata });
  return { standardiser, layers: [{ weights, bias }], onnx };
}

/** Below it columns that depend on each other leave the equations without one solution. */
const SMALLEST_L2 = 1e-8;

/** Inputs up to which the equations are written down and factored: beyond, their cube is dearer than passes over the rows. */
const DIRECT_MAX = 512;

/** A regression's inputs: `varying` columns standardised, then indicators, then a constant 1. */
class Inputs {
  readonly size: number;
  readonly #examples: Parameters<typeof fitLinear>[0];
  readonly #standardiser: Standardiser;
  readonly #varying: Uint32Array;
  readonly #x: Float64Array;

  constructor(examples: Parameters<typeof fitLinear>[0], standardiser: Standardiser, varying: Uint32Array) {
    this.size = varying.length + standardiser.indicators.length + 1;
    this.#examples = examples;
    this.#standardiser = standardiser;
    this.#varying = varying;
    this.#x = new Float64Array(this.size).fill(1);
  }

  /** Hands over the inputs of each row, which are overwritten afterwards, with its label and its share of all rows' weight. */
  forEach(take: (x: Float64Array, label: number, share: number) => void): void {
    const { rows, width, features, labels, weights } = this.#examples;
    const { mean, inverseStd, indicators } = this.#standardiser;
    const varying = this.#varying;
    const x = this.#x;
    const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? rows;
    for (let row = 0, at = 0; row < rows; row++, at += width) {
      for (let i = 0; i < varying.length; i++) {
        const column = varying[i];
        const value = features[at + column];
        x[i] = Number.isNaN(value) ? 0 : (value - mean[column]) * inverseStd[column];
      }
      for (let i = 0; i < indicators.length; i++)
        x[varying.length + i] = Number.isNaN(features[at + indicators[i]]) ? 1 : 0;
      take(x, labels[row], (weights?.[row] ?? 1) / total);
    }
  }
}

/** The weights by the weighted means of products of the inputs, with one another and with the labels. */
function solveDirectly(inputs: Inputs, penalty: number): Float64Array {
  const { size } = inputs;
  const gramian = new Float64Array(size * size);
  const moments = new Float64Array(size);
  inputs.forEach((x, label, share) => {
    for (let i = 0; i < size; i++) {
      const scaled = share * x[i];
      if (scaled === 0) continue;
      moments[i] += scaled * label;
      for (let j = 0, to = i * size; j <= i; j++, to++) gramian[to] += scaled * x[j];
    }
  });
  for (let i = 0; i < size - 1; i++) gramian[i * size + i] += penalty;
  return solvePositive(gramian, moments);
}

const RESIDUAL_MAX = 1e-6;
const STEPS_MAX = 200;

/** The same weights by conjugate gradients, scaled by the diagonal: a pass over the rows a step, memory as the inputs. */
function solveByGradients(inputs: Inputs, penalty: number): Float64Array {
  const { size } = inputs;
  const solution = new Float64Array(size);
  const residual = new Float64Array(size);
  const diagonal = new Float64Array(size).fill(penalty, 0, size - 1);
  inputs.forEach((x, label, share) => {
    for (let i = 0; i < size; i++) {
      const scaled = share * x[i];
      residual[i] += scaled * label;
      diagonal[i] += scaled * x[i];
    }
  });
  const enough = RESIDUAL_MAX * Math.sqrt(product(residual, residual));
  const direction = residual.map((value, i) => value / diagonal[i]);
  const image = new Float64Array(size);
  let scaledNorm = product(residual, direction);
  for (let step = 0; step < STEPS_MAX && Math.sqrt(product(residual, residual)) > enough; step++) {
    for (let i = 0; i < size; i++) image[i] = i < size - 1 ? penalty * direction[i] : 0;
    inputs.forEach((x, _label, share) => {
      const scaled = share * product(x, direction);
      for (let i = 0; i < size; i++) image[i] += scaled * x[i];
    });
    const length = scaledNorm / product(direction, image);
    for (let i = 0; i < size; i++) {
      solution[i] += length * direction[i];
      residual[i] -= length * image[i];
    }
    const before = scaledNorm;
    scaledNorm = residual.reduce((sum, value, i) => sum + (value * value) / diagonal[i], 0);
    for (let i = 0; i < size; i++)
      direction[i] = residual[i] / diagonal[i] + (scaledNorm / before) * direction[i];
  }
  return solution;
}

function product(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Solves A x = b of a positive definite A by its Cholesky factor, which replaces its lower half. */
function solvePositive(a: Float64Array, b: Float64Array): Float64Array {
  const size = b.length;
  const x = b.slice();
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * size + j];
      for (let k = 0; k < j; k++) sum -= a[i * size + k] * a[j * size + k];
      a[i * size + j] = i === j ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / a[j * size + j];
    }
    for (let k = 0; k < i; k++) x[i] -= a[i * size + k] * x[k];
    x[i] /= a[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] -= a[k * size + i] * x[k];
    x[i] /= a[i * size + i];
  }
  return x;
}
