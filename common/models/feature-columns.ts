import { createHash } from 'node:crypto';

/** One column of a raw feature matrix, which is float32, row-major, NaN = missing. */
export type FeatureColumn =
  | { readonly kind: 'numeric'; readonly name: string }
  /** Holds codes 0 ≤ c < `size`; any other value is a category unseen in training. Codes are exact up to 2^24. */
  | { readonly kind: 'categorical'; readonly name: string; readonly size: number };

/** How a numeric column becomes a network's inputs. Values are first clamped to [`low`, `high`], the training range. */
export interface NumericEncoding {
  /** Index in the feature matrix. */
  readonly column: number;
  readonly low: number;
  readonly high: number;
  /** s of sign(x) log(1 + |x| / s), for skewed columns; 0: x itself. */
  readonly logScale: number;
  /** Mean of the present values, transformed. */
  readonly mean: number;
  /** 1 / standard deviation of the present values, transformed; 0 for a column that never varied. */
  readonly inverseStd: number;
  /** Ascending, all distinct, from `low` to `high`: bins of nearly equal frequency. Empty where the column never varied. */
  readonly edges: readonly number[];
  /** Missing in some training rows. */
  readonly indicator: boolean;
}

/** A categorical column's codes, then one index for unseen ones, then one for missing. */
export interface CategoricalEncoding {
  /** Index in the feature matrix. */
  readonly column: number;
  readonly size: number;
  /** Training rows of each index: codes, unseen, missing. */
  readonly counts: Uint32Array;
}

/**
 * A raw feature matrix's columns and how each is encoded, fitted on training rows and applied alike in training and serving
 * (`encodeFeatures` in a graph, `EncodedRow` in float64). Columns that never varied are in neither list.
 */
export interface FeatureEncoding {
  readonly columns: readonly FeatureColumn[];
  /** Those on a linear scale first. */
  readonly numeric: readonly NumericEncoding[];
  readonly categorical: readonly CategoricalEncoding[];
}

export interface EncodingOptions {
  /** Most bins of a numeric column. */
  readonly bins: number;
}

/** Beyond this skewness a column is taken on a logarithmic scale. */
const SKEWNESS_MAX = 2;

/** Below this share of the mean a standard deviation is float32 rounding. */
const SMALLEST_RELATIVE_STD = 1e-6;

/** `features`: row-major rows of `columns.length`. Throws naming the column where a value is infinite. */
export function fitFeatureEncoding(
  features: Float32Array,
  columns: readonly FeatureColumn[],
  { bins }: EncodingOptions,
): FeatureEncoding {
  const width = columns.length;
  const numeric: NumericEncoding[] = [];
  const categorical: CategoricalEncoding[] = [];
  columns.forEach((column, at) => {
    const values = new Float32Array(features.length / width);
    for (let row = 0; row < values.length; row++) values[row] = features[row * width + at];
    if (!varies(values)) return;
    if (column.kind === 'categorical') categorical.push(categoricalEncoding(at, column.size, values));
    else numeric.push(numericEncoding(column.name, at, values, bins));
  });
  numeric.sort((a, b) => Number(a.logScale > 0) - Number(b.logScale > 0));
  return { columns, numeric, categorical };
}

/** Identifies names, kinds and sizes of the columns in order. */
export function columnsHash(columns: readonly FeatureColumn[]): string {
  return createHash('sha256').update(JSON.stringify(columns)).digest('hex');
}

/** The index of a category: its code, `size` for one unseen in training, `size` + 1 where it is missing. */
export function categoryIndex(value: number, size: number): number {
  if (Number.isNaN(value)) return size + 1;
  return value >= 0 && value <= size - 1 ? Math.trunc(value) : size;
}

/** The bin of a value clamped to the column's range, from 0; one more than the last where it is missing. */
export function binIndex(value: number, { edges }: NumericEncoding): number {
  if (Number.isNaN(value)) return edges.length - 1;
  let bin = 0;
  for (let edge = 1; edge + 1 < edges.length; edge++) if (value > edges[edge]) bin++;
  return bin;
}

function categoricalEncoding(column: number, size: number, values: Float32Array): CategoricalEncoding {
  const counts = new Uint32Array(size + 2);
  for (const value of values) counts[categoryIndex(value, size)]++;
  return { column, size, counts };
}

function varies(values: Float32Array): boolean {
  return values.some((value) => !Object.is(value, values[0]));
}

function numericEncoding(name: string, column: number, values: Float32Array, bins: number): NumericEncoding {
  const present = values.filter((value) => !Number.isNaN(value)).sort();
  const [low, high] = [present[0], present[present.length - 1]];
  if (low === Number.NEGATIVE_INFINITY || high === Number.POSITIVE_INFINITY) {
    throw new Error(`column '${name}' has an infinite value`);
  }
  const plain = moments(present);
  const skewed = Math.abs(plain.skewness) > SKEWNESS_MAX;
  const logScale = skewed ? typicalMagnitude(present) : 0;
  const { mean, std } = skewed ? moments(present.map((value) => signedLog(value, logScale))) : plain;
  return {
    column,
    low,
    high,
    logScale,
    mean: Math.fround(mean),
    inverseStd: std > SMALLEST_RELATIVE_STD * Math.abs(mean) ? Math.fround(1 / std) : 0,
    edges: low === high ? [] : equalFrequencyEdges(present, bins),
    indicator: present.length < values.length,
  };
}

/** sign(x) log(1 + |x| / scale). */
export function signedLog(value: number, scale: number): number {
  return Math.sign(value) * Math.log1p(Math.abs(value) / scale);
}

/** Mean, standard deviation and skewness. */
function moments(values: Float32Array): { mean: number; std: number; skewness: number } {
  let mean = 0;
  for (const value of values) mean += value / values.length;
  let [square, cube] = [0, 0];
  for (const value of values) {
    square += (value - mean) ** 2 / values.length;
    cube += (value - mean) ** 3 / values.length;
  }
  const std = Math.sqrt(square);
  return { mean, std, skewness: std > 0 ? cube / std ** 3 : 0 };
}

/** The median of the magnitudes that are not 0. */
function typicalMagnitude(values: Float32Array): number {
  const magnitudes = values
    .map(Math.abs)
    .filter((value) => value > 0)
    .sort();
  return magnitudes[magnitudes.length >> 1];
}

/**
 * Edges of at most `bins` bins of `sorted`, which holds two distinct values or more. A value as frequent as a whole bin has
 * one of its own, and the others share the rest evenly. Inner edges lie midway between neighbouring values.
 */
function equalFrequencyEdges(sorted: Float32Array, bins: number): number[] {
  const starts = [0];
  for (let i = 1; i < sorted.length; i++) if (sorted[i] !== sorted[i - 1]) starts.push(i);
  const count = (value: number) => (starts[value + 1] ?? sorted.length) - starts[value];
  const share = sorted.length / bins;
  const large = starts.map((_, value) => count(value) >= share);
  let [restRows, restBins] = [sorted.length, bins];
  large.forEach((alone, value) => {
    if (!alone) return;
    restRows -= count(value);
    restBins--;
  });
  const edges = [sorted[0]];
  let filled = 0;
  for (let value = 0; value + 1 < starts.length; value++) {
    filled += count(value);
    const full = filled >= restRows / Math.max(1, restBins);
    const apart = large[value] || (large[value + 1] && filled > restRows / Math.max(1, restBins) / 2);
    if (edges.length >= bins || !(full || apart)) continue;
    const edge = Math.fround((sorted[starts[value]] + sorted[starts[value + 1]]) / 2);
    if (edge > edges[edges.length - 1]) edges.push(edge);
    filled = 0;
  }
  const last = sorted[sorted.length - 1];
  return last > edges[edges.length - 1] ? [...edges, last] : edges;
}
