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

/** Linear regression of the labels on the standardised features, by normal equations with an L2 penalty; rows weigh as they say. */
export function fitLinear(
  examples: Omit<Examples, 'labels'> & { labels: Float32Array },
  { l2, featureSchemaHash }: LinearOptions,
): LinearModel {
  const standardiser = fitStandardiser(examples.features, examples.width);
  const { width, inverseStd, indicators } = standardiser;
  const varying = Uint32Array.from(inverseStd.keys()).filter((column) => inverseStd[column] > 0);
  const { gramian, moments } = normalEquations(examples, standardiser, varying);
  const size = moments.length;
  for (let i = 0; i < size - 1; i++) gramian[i * size + i] += Math.max(l2, SMALLEST_L2);
  const solution = solvePositive(gramian, moments);
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

/** Weighted means of products of the inputs, `varying` columns then indicators then a constant 1: with one another, and with the labels. */
function normalEquations(
  { rows, width, features, labels, weights }: Parameters<typeof fitLinear>[0],
  standardiser: Standardiser,
  varying: Uint32Array,
): { gramian: Float64Array; moments: Float64Array } {
  const { mean, inverseStd, indicators } = standardiser;
  const size = varying.length + indicators.length + 1;
  const gramian = new Float64Array(size * size);
  const moments = new Float64Array(size);
  const x = new Float64Array(size);
  x[size - 1] = 1;
  let total = 0;
  for (let row = 0, at = 0; row < rows; row++, at += width) {
    const weight = weights?.[row] ?? 1;
    total += weight;
    for (let i = 0; i < varying.length; i++) {
      const column = varying[i];
      const value = features[at + column];
      x[i] = Number.isNaN(value) ? 0 : (value - mean[column]) * inverseStd[column];
    }
    for (let i = 0; i < indicators.length; i++)
      x[varying.length + i] = Number.isNaN(features[at + indicators[i]]) ? 1 : 0;
    for (let i = 0; i < size; i++) {
      const scaled = weight * x[i];
      if (scaled === 0) continue;
      moments[i] += scaled * labels[row];
      for (let j = 0, to = i * size; j <= i; j++, to++) gramian[to] += scaled * x[j];
    }
  }
  for (let i = 0; i < size; i++) {
    moments[i] /= total;
    for (let j = 0; j <= i; j++) gramian[j * size + i] = gramian[i * size + j] /= total;
  }
  return { gramian, moments };
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
