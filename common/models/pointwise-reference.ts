import type { DenseLayer, PointwiseModel } from './pointwise.ts';
import type { Standardiser } from './standardiser.ts';

type Network = Pick<PointwiseModel, 'standardiser' | 'layers'>;

/** The probabilities that a pointwise model's logits mean. */
export function referenceScores(model: Network, features: Float32Array): Float64Array {
  return referenceLogits(model, features).map((logit) => 1 / (1 + Math.exp(-logit)));
}

/**
 * A network's outputs in plain float64, independent of the graph: the oracle for its ONNX export. `features`: row-major,
 * NaN = missing.
 */
export function referenceLogits({ standardiser, layers }: Network, features: Float32Array): Float64Array {
  const { width } = standardiser;
  return Float64Array.from({ length: features.length / width }, (_, row) => {
    let x = standardisedRow(standardiser, features.subarray(row * width, (row + 1) * width));
    layers.forEach((layer, i) => {
      x = denseRow(layer, i === 0 ? x : x.map((value) => Math.max(0, value)));
    });
    return x[0];
  });
}

function standardisedRow({ mean, inverseStd, indicators }: Standardiser, row: Float32Array): Float64Array {
  const values = Array.from(row, (value, column) =>
    Number.isNaN(value) ? 0 : (value - mean[column]) * inverseStd[column],
  );
  return Float64Array.from([...values, ...indicators.map((column) => Number(Number.isNaN(row[column])))]);
}

function denseRow({ weights, bias }: DenseLayer, x: Float64Array): Float64Array {
  return Float64Array.from(bias, (start, output) =>
    x.reduce((sum, value, input) => sum + value * weights[input * bias.length + output], start),
  );
}
