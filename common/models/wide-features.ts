import type { Value } from '../onnx/graph.ts';
import { add, concat, gatherRows, mul, selectColumns, toInteger } from '../onnx/operators.ts';
import type { EncodedFeatures, EncodedIndices } from './encoded-features.ts';
import { binIndex, categoryIndex, type FeatureEncoding } from './feature-columns.ts';

/**
 * The indicator features of a linear model, as rows of one table: each category of each categorical column, each bin of each
 * numeric one, and cross products of pairs of these (Cheng et al., DLRS 2016). Discrete columns stand in the order categorical,
 * binned; an indicator is the offset of its column, or of its cross, and an index.
 */
export interface WideEncoding {
  /** Indicators: rows of the table. */
  readonly size: number;
  /** The first indicator of each discrete column. */
  readonly offsets: readonly number[];
  /** By discrete column and index: the code that crosses know it by. Rare categories share the last, neighbouring bins one. */
  readonly crossCodes: readonly Uint32Array[];
  readonly crossSizes: readonly number[];
  /** Discrete columns that are crossed. */
  readonly pairs: readonly (readonly [number, number])[];
  /** The first indicator of each pair. */
  readonly crossOffsets: readonly number[];
}

export interface WideOptions {
  /** Most cross products. */
  readonly crosses: number;
  /** Codes that a column has at most inside a cross product. */
  readonly crossCodes: number;
}

/** Rows that choose the cross products. */
const SAMPLE_MAX = 100_000;

/** Discrete columns that are considered for them, first ones first. */
const CROSSED_MAX = 64;

/**
 * Chooses the pairs that say most about `positive` (one a row) beyond what their two columns say each: the largest
 * I(A, B; Y) − I(A; Y) − I(B; Y), corrected for the bias of sparse cells, and only where it is above 0.
 */
export function fitWideEncoding(
  features: Float32Array,
  encoding: FeatureEncoding,
  positive: Uint8Array,
  options: WideOptions,
): WideEncoding {
  const columns = discreteColumns(encoding, options.crossCodes);
  const sample = Math.min(positive.length, SAMPLE_MAX);
  const codes = columns
    .slice(0, options.crosses > 0 ? CROSSED_MAX : 0)
    .map(({ column, index, crossCode }) => {
      const width = encoding.columns.length;
      return Uint32Array.from({ length: sample }, (_, i) => {
        const row = Math.floor((i * positive.length) / sample);
        return crossCode[index(features[row * width + column])];
      });
    });
  const labels = Uint8Array.from(
    { length: sample },
    (_, i) => positive[Math.floor((i * positive.length) / sample)],
  );
  const crossSizes = columns.map(({ crossSize }) => crossSize);
  const pairs = synergeticPairs(codes, crossSizes, labels).slice(0, options.crosses);
  let size = 0;
  const placed = (indicators: number) => {
    size += indicators;
    return size - indicators;
  };
  const offsets = columns.map((column) => placed(column.size));
  const crossOffsets = pairs.map(([a, b]) => placed(crossSizes[a] * crossSizes[b]));
  const crossCodes = columns.map(({ crossCode }) => crossCode);
  return { size, offsets, crossCodes, crossSizes, pairs, crossOffsets };
}

/** The indicators of a batch, int64 [N, discrete columns + pairs]; undefined where there are none. */
export function wideIds({ categories, bins }: EncodedFeatures, wide: WideEncoding): Value | undefined {
  const parts = [categories, bins].filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  const index = parts.length === 1 ? parts[0] : concat(parts, 1);
  const { graph } = index;
  const vector = (name: string, values: readonly number[]) =>
    graph.constant(name, [values.length], Float32Array.from(values));
  const single = add(index, vector('wide_offset', wide.offsets));
  if (wide.pairs.length === 0) return toInteger(single);
  const codes = Float32Array.from(wide.crossCodes.flatMap((of) => [...of]));
  const code = gatherRows(graph.constant('cross_code', [codes.length], codes), toInteger(single));
  const side = (which: 0 | 1) =>
    selectColumns(
      code,
      wide.pairs.map((pair) => pair[which]),
    );
  const stride = vector(
    'cross_stride',
    wide.pairs.map(([, b]) => wide.crossSizes[b]),
  );
  const crossed = add(add(mul(side(0), stride), side(1)), vector('cross_offset', wide.crossOffsets));
  return toInteger(concat([single, crossed], 1));
}

/** The float64 twin of `wideIds`, for one row. */
export function wideRow({ categories, bins }: EncodedIndices, wide: WideEncoding): number[] {
  const { offsets, crossOffsets, crossCodes, crossSizes, pairs } = wide;
  const index = [...categories, ...bins];
  const ids = index.map((of, column) => offsets[column] + of);
  pairs.forEach(([a, b], i) => {
    ids.push(crossOffsets[i] + crossCodes[a][index[a]] * crossSizes[b] + crossCodes[b][index[b]]);
  });
  return ids;
}

interface DiscreteColumn {
  readonly column: number;
  readonly size: number;
  readonly index: (value: number) => number;
  readonly crossCode: Uint32Array;
  readonly crossSize: number;
}

function discreteColumns({ categorical, numeric }: FeatureEncoding, codesMax: number): DiscreteColumn[] {
  const categories = categorical.map(({ column, size, counts }): DiscreteColumn => {
    const byCount = [...counts.keys()].sort((a, b) => counts[b] - counts[a]);
    const crossCode = new Uint32Array(counts.length);
    byCount.forEach((index, rank) => {
      crossCode[index] = Math.min(rank, codesMax - 1);
    });
    const crossSize = Math.min(counts.length, codesMax);
    return {
      column,
      size: counts.length,
      index: (value) => categoryIndex(value, size),
      crossCode,
      crossSize,
    };
  });
  const binned = numeric.filter(({ edges }) => edges.length > 1);
  return [
    ...categories,
    ...binned.map((encoding): DiscreteColumn => {
      const { column, edges, low, high } = encoding;
      const bins = edges.length - 1;
      const coarse = Math.min(bins, codesMax - 1);
      const crossCode = Uint32Array.from({ length: bins + 1 }, (_, bin) =>
        bin === bins ? coarse : Math.floor((bin * coarse) / bins),
      );
      const index = (value: number) => binIndex(Math.min(Math.max(value, low), high), encoding);
      return { column, size: bins + 1, index, crossCode, crossSize: coarse + 1 };
    }),
  ];
}

function synergeticPairs(
  codes: readonly Uint32Array[],
  sizes: readonly number[],
  labels: Uint8Array,
): [number, number][] {
  const alone = codes.map((code, a) => information(code, sizes[a], labels));
  const found: { pair: [number, number]; synergy: number }[] = [];
  const joint = new Uint32Array(labels.length);
  for (let a = 0; a < codes.length; a++) {
    for (let b = a + 1; b < codes.length; b++) {
      for (let row = 0; row < joint.length; row++) joint[row] = codes[a][row] * sizes[b] + codes[b][row];
      const synergy = information(joint, sizes[a] * sizes[b], labels) - alone[a] - alone[b];
      if (synergy > 0) found.push({ pair: [a, b], synergy });
    }
  }
  return found.sort((a, b) => b.synergy - a.synergy).map(({ pair }) => pair);
}

/** Mutual information of a code and a 0/1 label in nats, less its bias (cells − 1) / 2n (Miller 1955). */
function information(codes: Uint32Array, size: number, labels: Uint8Array): number {
  const rows = new Uint32Array(size);
  const positives = new Uint32Array(size);
  let total = 0;
  for (let row = 0; row < codes.length; row++) {
    rows[codes[row]]++;
    positives[codes[row]] += labels[row];
    total += labels[row];
  }
  let conditional = 0;
  let cells = 0;
  for (let code = 0; code < size; code++) {
    if (rows[code] === 0) continue;
    cells++;
    conditional += rows[code] * entropy(positives[code] / rows[code]);
  }
  const n = codes.length;
  return entropy(total / n) - conditional / n - (cells - 1) / (2 * n);
}

function entropy(p: number): number {
  return p === 0 || p === 1 ? 0 : -(p * Math.log(p) + (1 - p) * Math.log(1 - p));
}
