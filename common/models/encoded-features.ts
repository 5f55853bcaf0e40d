import type { Constant, Graph, Value } from '../onnx/graph.ts';
import {
  abs,
  add,
  clip,
  concat,
  div,
  gemm,
  greater,
  isNan,
  log,
  matmul,
  mul,
  selectColumns,
  sign,
  sub,
  toFloat,
  where,
} from '../onnx/operators.ts';
import {
  binIndex,
  categoryIndex,
  type FeatureEncoding,
  type NumericEncoding,
  signedLog,
} from './feature-columns.ts';

/** A batch's features, encoded in a graph; nothing is missing. */
export interface EncodedFeatures {
  /** Standardised numeric columns, missing indicators, then the bins of every column, piecewise linear: [N, inputs]. */
  readonly dense: Value;
  /** How many of `dense` are the standardised columns and indicators. */
  readonly plain: number;
  /** Index of each categorical column, float32 [N, categorical columns]; absent where there are none. */
  readonly categories?: Value;
  /** Bin of each binned column, float32 [N, binned columns]; absent where there are none. */
  readonly bins?: Value;
}

/** The discrete part of one row of `EncodedFeatures`. */
export interface EncodedIndices {
  readonly categories: readonly number[];
  readonly bins: readonly number[];
}

/** One row of `EncodedFeatures` in plain float64. */
export interface EncodedRow extends EncodedIndices {
  readonly dense: Float64Array;
}

/**
 * Adds the encoding to the graph of `features` [N, columns]. The piecewise-linear bins are those of Gorishniy et al. (NeurIPS
 * 2022): 0 below a bin, 1 above it, linear inside; a missing value's are all 0.
 */
export function encodeFeatures(features: Value, { numeric, categorical }: FeatureEncoding): EncodedFeatures {
  const { graph } = features;
  const pick = (columns: readonly { readonly column: number }[]) =>
    selectColumns(
      features,
      columns.map(({ column }) => column),
    );
  const parts: Value[] = [];
  let plain = 0;
  let bins: Value | undefined;
  if (numeric.length > 0) {
    const raw = pick(numeric);
    const missing = isNan(raw, 'missing');
    const x = present(graph, raw, missing, numeric);
    parts.push(where(missing, 0, standardised(graph, x, numeric), 'imputed'));
    const indicated = numeric.flatMap(({ indicator }, i) => (indicator ? [i] : []));
    if (indicated.length > 0) parts.push(selectColumns(toFloat(missing), indicated));
    plain = numeric.length + indicated.length;
    if (numeric.some(isBinned)) {
      parts.push(piecewiseLinear(graph, x, numeric));
      bins = binOf(graph, x, toFloat(missing), numeric);
    }
  }
  if (parts.length === 0) {
    plain = 1;
    parts.push(mul(toFloat(isNan(selectColumns(features, [0]))), 0));
  }
  return {
    dense: parts.length === 1 ? parts[0] : concat(parts, 1, 'dense_input'),
    plain,
    ...(bins && { bins }),
    ...(categorical.length > 0 && { categories: categoryOf(graph, pick(categorical), categorical) }),
  };
}

/** The float64 twin of `encodeFeatures`, for one row. */
export function encodeRow(row: Float32Array, encoding: FeatureEncoding): EncodedRow {
  const { numeric } = encoding;
  const values = numeric.map((column) => clampedValue(row, column));
  const standardised = numeric.map(({ logScale, mean, inverseStd }, i) => {
    const value = logScale === 0 ? values[i] : signedLog(values[i], logScale);
    return Number.isNaN(value) ? 0 : (value - mean) * inverseStd;
  });
  const indicators = numeric.flatMap(({ indicator }, i) =>
    indicator ? [Number(Number.isNaN(values[i]))] : [],
  );
  const filled = numeric.flatMap((column, i) =>
    binsOf(column).map(({ start, inverseWidth }) =>
      Number.isNaN(values[i]) ? 0 : Math.min(1, Math.max(0, (values[i] - start) * inverseWidth)),
    ),
  );
  const dense = [...standardised, ...indicators, ...filled];
  return {
    ...encodeIndices(row, encoding),
    dense: Float64Array.from(dense.length === 0 ? [0] : dense),
  };
}

/** The discrete part of `encodeRow`. */
export function encodeIndices(row: Float32Array, { numeric, categorical }: FeatureEncoding): EncodedIndices {
  const bins: number[] = [];
  for (const column of numeric) {
    if (isBinned(column)) bins.push(binIndex(clampedValue(row, column), column));
  }
  return { categories: categorical.map(({ column, size }) => categoryIndex(row[column], size)), bins };
}

function clampedValue(row: Float32Array, { column, low, high }: NumericEncoding): number {
  return Math.min(Math.max(row[column], low), high);
}

function constants<T>(graph: Graph, name: string, of: readonly T[], value: (item: T) => number): Value {
  return graph.constant(name, [of.length], Float32Array.from(of, value));
}

function isBinned({ edges }: NumericEncoding): boolean {
  return edges.length > 1;
}

/** Values clamped to their columns' ranges; a missing one is its column's least. */
function present(graph: Graph, x: Value, missing: Value, numeric: readonly NumericEncoding[]): Value {
  const low = constants(graph, 'low', numeric, (encoding) => encoding.low);
  const high = constants(graph, 'high', numeric, (encoding) => encoding.high);
  const below = where(missing, low, where(greater(low, x), low, x));
  return where(greater(below, high), high, below);
}

function standardised(graph: Graph, x: Value, numeric: readonly NumericEncoding[]): Value {
  const indices = (logarithmic: boolean) =>
    numeric.flatMap(({ logScale }, i) => (logScale > 0 === logarithmic ? [i] : []));
  const linear = indices(false);
  const skewed = indices(true);
  const parts = linear.length === 0 ? [] : [selectColumns(x, linear)];
  if (skewed.length > 0) {
    const value = selectColumns(x, skewed);
    const scale = constants(graph, 'log_scale', skewed, (i) => numeric[i].logScale);
    parts.push(mul(sign(value), log(add(1, div(abs(value), scale)))));
  }
  const scaled = parts.length === 1 ? parts[0] : concat(parts, 1);
  const centred = sub(
    scaled,
    constants(graph, 'mean', numeric, ({ mean }) => mean),
  );
  return mul(
    centred,
    constants(graph, 'inverse_std', numeric, ({ inverseStd }) => inverseStd),
  );
}

interface Bin {
  readonly start: number;
  readonly inverseWidth: number;
}

function binsOf({ edges }: NumericEncoding): Bin[] {
  return edges
    .slice(1)
    .map((end, i) => ({ start: edges[i], inverseWidth: Math.fround(1 / (end - edges[i])) }));
}

/** 1 where row i of the first axis belongs to column j. */
function incidence(graph: Graph, name: string, columnOf: readonly number[], columns: number): Constant {
  const matrix = new Float32Array(columnOf.length * columns);
  columnOf.forEach((column, i) => {
    matrix[i * columns + column] = 1;
  });
  return graph.constant(name, [columnOf.length, columns], matrix);
}

/** Repeats columns as a product with 0s and 1s, which is exact and, in ONNX Runtime, faster than gathering. */
function repeated(graph: Graph, name: string, x: Value, columnOf: readonly number[]): Value {
  return gemm(x, incidence(graph, name, columnOf, x.shape[1] as number), { transB: true });
}

function piecewiseLinear(graph: Graph, x: Value, numeric: readonly NumericEncoding[]): Value {
  const bins = numeric.map(binsOf);
  const columnOf = bins.flatMap((of, column) => of.map(() => column));
  const start = constants(graph, 'bin_start', bins.flat(), (bin) => bin.start);
  const inverseWidth = constants(graph, 'bin_inverse_width', bins.flat(), (bin) => bin.inverseWidth);
  const within = mul(sub(repeated(graph, 'bin_column', x, columnOf), start), inverseWidth);
  return clip(within, 0, 1, 'filled_bins');
}

/** How many inner edges of its column a value is above; one more than there are where it is missing. */
function binOf(graph: Graph, x: Value, missing: Value, numeric: readonly NumericEncoding[]): Value {
  const binned = numeric.flatMap((encoding, i) => (isBinned(encoding) ? [i] : []));
  const inner = binned.map((i) => numeric[i].edges.slice(1, -1));
  const last = constants(graph, 'missing_bin', inner, ({ length }) => length + 1);
  const absent = mul(selectColumns(missing, binned), last);
  const columnOf = inner.flatMap((edges, column) => edges.map(() => column));
  if (columnOf.length === 0) return absent;
  const edges = constants(graph, 'inner_edges', inner.flat(), (edge) => edge);
  const above = toFloat(greater(repeated(graph, 'edge_column', selectColumns(x, binned), columnOf), edges));
  const count = matmul(above, incidence(graph, 'column_of_edge', columnOf, binned.length));
  return add(count, absent, 'bins');
}

function categoryOf(graph: Graph, codes: Value, categorical: readonly { readonly size: number }[]): Value {
  const last = constants(graph, 'last_code', categorical, ({ size }) => size - 1);
  const unseen = constants(graph, 'unseen_index', categorical, ({ size }) => size);
  const absent = constants(graph, 'missing_index', categorical, ({ size }) => size + 1);
  const known = where(greater(0, codes), unseen, where(greater(codes, last), unseen, codes));
  return where(isNan(codes), absent, known, 'categories');
}
