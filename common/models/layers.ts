import { embedding } from '../onnx/embedding.ts';
import type { Value } from '../onnx/graph.ts';
import { gemm, mul, reduceMean, reduceSum, relu, reshape } from '../onnx/operators.ts';
import type { Random } from '../random.ts';
import { type EncodedIndices, encodeIndices } from './encoded-features.ts';
import type { FeatureEncoding } from './feature-columns.ts';

/** A part of a network: what the graph computes for a batch, and the same for one row in plain float64. */
export interface Layer {
  /** [N, units]. */
  readonly output: Value;
  /** The oracle of the graph: the layer's units for its input row. Reads the parameters as they are at the call. */
  row(x: Float64Array): Float64Array;
}

export interface DenseOptions {
  readonly random: Random;
  readonly activation: 'relu' | 'none';
  /** The bias at the start, one a unit; 0 without. The weights of a layer that has it start at 0 as well. */
  readonly start?: Float32Array;
  /** Of the initial weights: their variance is gain / inputs. Default 2, He et al. (2015), for ReLU. */
  readonly gain?: number;
}

/** W x + b on `x` [N, inputs], ReLU if asked for. */
export function denseLayer(
  x: Value,
  units: number,
  { random, activation, start, gain = 2 }: DenseOptions,
  name: string,
): Layer {
  const { graph } = x;
  const inputs = x.shape[1] as number;
  const deviation = start === undefined ? Math.sqrt(gain / inputs) : 0;
  const weights = Float32Array.from({ length: inputs * units }, () => deviation * random.normal());
  const bias = Float32Array.from({ length: units }, (_, unit) => start?.[unit] ?? 0);
  const sum = gemm(
    x,
    graph.parameter(`${name}_weights`, [inputs, units], weights),
    { bias: graph.parameter(`${name}_bias`, [units], bias, false) },
    name,
  );
  const output = activation === 'relu' ? relu(sum) : sum;
  return {
    output,
    row(from) {
      const to = affineRow(from, weights, bias);
      return activation === 'relu' ? to.map((value) => Math.max(0, value)) : to;
    },
  };
}

/** Dense ReLU layers of the given sizes, one on the other; `x` itself where there are none. */
export function denseStack(x: Value, sizes: readonly number[], random: Random, name: string): Layer {
  let output = x;
  const layers = sizes.map((units, i) => {
    const layer = denseLayer(output, units, { random, activation: 'relu' }, `${name}_${i}`);
    output = layer.output;
    return layer;
  });
  return { output, row: (from) => layers.reduce((row, layer) => layer.row(row), from) };
}

/** Rows of a trained table by ids that the graph computes from a row's discrete features. */
export interface Lookup {
  /** [N, K, width]. */
  readonly output: Value;
  /** int64 [N, K]. Training is given a column of them. */
  readonly ids: Value;
  readonly width: number;
  /** The table, row-major. */
  readonly table: Float32Array;
  /** The ids of one row, independent of the graph. */
  idsOf(row: EncodedIndices): readonly number[];
}

/** `table`: its initial values, [rows × width] row-major; kept, not copied. */
export function lookupTable(
  { ids, idsOf }: Pick<Lookup, 'ids' | 'idsOf'>,
  table: Float32Array,
  width: number,
  name: string,
): Lookup {
  const rows = table.length / width;
  const parameter = ids.graph.parameter(name, [rows, width], table, false);
  return { output: embedding(parameter, ids), ids, width, table, idsOf };
}

/** The looked-up rows side by side: [N, K × width]. */
export function besides({ output, width }: Lookup): Value {
  return reshape(output, ['N', (output.shape[1] as number) * width]);
}

/** Float64 twin of `besides`. */
export function besidesRow({ table, width, idsOf }: Lookup, row: EncodedIndices): Float64Array {
  return Float64Array.from(idsOf(row).flatMap((id) => [...table.subarray(id * width, (id + 1) * width)]));
}

/** The training columns of the ids of `lookups`, computed from raw rows of features. */
export function lookupColumns(
  lookups: readonly Lookup[],
  {
    features,
    rows,
    width,
  }: { readonly features: Float32Array; readonly rows: number; readonly width: number },
  encoding: FeatureEncoding,
): { input: Value; data: Uint32Array }[] {
  const columns = lookups.map(({ ids }) => ({
    input: ids,
    data: new Uint32Array(rows * (ids.shape[1] as number)),
  }));
  if (columns.length === 0) return [];
  for (let row = 0; row < rows; row++) {
    const indices = encodeIndices(features.subarray(row * width, (row + 1) * width), encoding);
    lookups.forEach(({ idsOf }, i) => {
      const ids = idsOf(indices);
      columns[i].data.set(ids, row * ids.length);
    });
  }
  return columns;
}

/** Sum of squares of the looked-up values, mean over the batch: a penalty that touches what a batch uses. */
export function meanSquare({ output }: Lookup): Value {
  return reduceMean(reduceSum(mul(output, output), { axes: [1, 2] }));
}

/** W x + b in float64; `weights` [inputs × units], row-major. */
export function affineRow(x: Float64Array, weights: Float32Array, bias: Float32Array): Float64Array {
  const units = bias.length;
  const y = Float64Array.from(bias);
  for (let input = 0; input < x.length; input++) {
    for (let unit = 0; unit < units; unit++) y[unit] += x[input] * weights[input * units + unit];
  }
  return y;
}
