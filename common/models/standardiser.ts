import type { Graph, Value } from '../onnx/graph.ts';
import { concat, isNan, mul, selectColumns, sub, toFloat, where } from '../onnx/operators.ts';

/** How raw features become a network's input, learnt from the training rows. */
export interface Standardiser {
  readonly width: number;
  /** Mean of each column's present values. */
  readonly mean: Float32Array;
  /** 1 / standard deviation of the present values; 0 for a column that never varied, which then says nothing. */
  readonly inverseStd: Float32Array;
  /**
   * Ascending: the columns that were missing in some training rows and present in others. Each adds an input that is 1
   * where its value is missing. A missing value of any column reads as its mean.
   */
  readonly indicators: readonly number[];
}

/** Below this share of the mean a standard deviation is float32 rounding. */
const SMALLEST_RELATIVE_STD = 1e-6;

/** `features`: row-major rows of `width`, NaN = missing. */
export function fitStandardiser(features: Float32Array, width: number): Standardiser {
  const rows = features.length / width;
  const counts = new Float64Array(width);
  const means = new Float64Array(width);
  const squares = new Float64Array(width);
  for (let i = 0; i < features.length; i++) {
    const value = features[i];
    if (Number.isNaN(value)) continue;
    const column = i % width;
    const before = value - means[column];
    means[column] += before / ++counts[column];
    squares[column] += before * (value - means[column]);
  }
  const inverseStd = new Float32Array(width);
  const indicators: number[] = [];
  for (let column = 0; column < width; column++) {
    const std = Math.sqrt(squares[column] / Math.max(1, counts[column]));
    if (std > SMALLEST_RELATIVE_STD * Math.abs(means[column])) inverseStd[column] = 1 / std;
    if (counts[column] > 0 && counts[column] < rows) indicators.push(column);
  }
  return { width, mean: Float32Array.from(means), inverseStd, indicators };
}

/** Adds the standardisation to the graph: `features` [N, width] → [N, width + indicators], nothing missing. */
export function standardise(graph: Graph, features: Value, standardiser: Standardiser): Value {
  const { width, mean, inverseStd, indicators } = standardiser;
  const missing = isNan(features, 'missing');
  const centred = sub(features, graph.constant('mean', [width], mean));
  const scaled = mul(centred, graph.constant('inverse_std', [width], inverseStd));
  const imputed = where(missing, 0, scaled, 'imputed');
  if (indicators.length === 0) return imputed;
  return concat([imputed, toFloat(selectColumns(missing, indicators))], 1, 'standardised');
}
