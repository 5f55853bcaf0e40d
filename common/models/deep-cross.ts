import type { Value } from '../onnx/graph.ts';
import { add, concat, gemm, matmul, mul, reduceSum, softmax, tanh, unsqueeze } from '../onnx/operators.ts';
import type { Random } from '../random.ts';
import { affineRow, denseLayer, denseStack, type Layer } from './layers.ts';
import { headLayer, joinedInput, type Network, type NetworkContext } from './networks.ts';

export interface DeepCrossOptions {
  /** Width of an embedding. */
  readonly dim: number;
  readonly crossLayers: number;
  /** Low-rank mixture of experts in each cross layer; without it the weights are one full matrix. */
  readonly mixture?: { readonly experts: number; readonly rank: number };
  /** Units of each deep layer, first to last. */
  readonly hidden: readonly number[];
  /** `stacked`: the deep layers read the cross layers' output. `parallel`: both read the input, and the heads read both. */
  readonly structure: 'stacked' | 'parallel';
}

/**
 * Deep & Cross Network v2 (Wang et al., WWW 2021): x₀ ⊙ (W x + b) + x a layer, or its mixture of low-rank experts
 * Σ gᵢ(x) x₀ ⊙ (Uᵢ tanh(Cᵢ tanh(Vᵢᵀ x)) + b) + x with softmax gates g.
 */
export function deepCross(context: NetworkContext, options: DeepCrossOptions): Network {
  const { dim, crossLayers, mixture, hidden, structure } = options;
  const { random } = context;
  const input = joinedInput(context, dim);
  const x0 = input.output;
  let x = x0;
  const crosses = Array.from({ length: crossLayers }, (_, i) => {
    const layer =
      mixture === undefined
        ? crossLayer(x0, x, random, `cross_${i}`)
        : crossMixture(x0, x, mixture, random, `cross_${i}`);
    x = layer.output;
    return layer;
  });
  const crossRow = (row0: Float64Array) => crosses.reduce((row, layer) => layer.row(row0, row), row0);
  const deep = denseStack(structure === 'stacked' ? x : x0, hidden, random, 'deep');
  const parallel = structure === 'parallel' && hidden.length > 0;
  const heads = headLayer(parallel ? concat([x, deep.output], 1) : deep.output, context);
  return {
    output: heads.output,
    lookups: input.lookups,
    row(row) {
      const row0 = input.row(row);
      const crossed = crossRow(row0);
      return heads.row(parallel ? Float64Array.from([...crossed, ...deep.row(row0)]) : deep.row(crossed));
    },
  };
}

/** x₀ ⊙ (W x + b) + x. */
export interface CrossLayer {
  readonly output: Value;
  row(row0: Float64Array, row: Float64Array): Float64Array;
}

export function crossLayer(x0: Value, x: Value, random: Random, name: string): CrossLayer {
  const linear: Layer = denseLayer(x, x.shape[1] as number, { random, activation: 'none', gain: 1 }, name);
  return {
    output: add(mul(x0, linear.output), x),
    row(row0, row) {
      const inner = linear.row(row);
      return row.map((value, i) => row0[i] * inner[i] + value);
    },
  };
}

function crossMixture(
  x0: Value,
  x: Value,
  { experts, rank }: NonNullable<DeepCrossOptions['mixture']>,
  random: Random,
  name: string,
): CrossLayer {
  const { graph } = x;
  const width = x.shape[1] as number;
  const matrix = (of: string, rows: number, columns: number) => {
    const deviation = Math.sqrt(1 / rows);
    const data = Float32Array.from({ length: rows * columns }, () => deviation * random.normal());
    return { value: graph.parameter(`${name}_${of}`, [rows, columns], data), data };
  };
  const bias = new Float32Array(width);
  const biasValue = graph.parameter(`${name}_bias`, [width], bias, false);
  const gate = matrix('gate', width, experts);
  const gates = softmax(matmul(x, gate.value), 1);
  const parts = Array.from({ length: experts }, (_, i) => {
    const down = matrix(`down_${i}`, width, rank);
    const inner = matrix(`inner_${i}`, rank, rank);
    const up = matrix(`up_${i}`, rank, width);
    const output = gemm(tanh(matmul(tanh(matmul(x, down.value)), inner.value)), up.value, {
      bias: biasValue,
    });
    return { output, down: down.data, inner: inner.data, up: up.data };
  });
  const stacked = concat(
    parts.map(({ output }) => unsqueeze(output, [1])),
    1,
  );
  const mixed = reduceSum(mul(stacked, unsqueeze(gates, [2])), { axes: [1] });
  return {
    output: add(mul(x0, mixed), x),
    row(row0, row) {
      const shares = softmaxRow(affineRow(row, gate.data, new Float32Array(experts)));
      const none = new Float32Array(rank);
      const out = row.slice();
      parts.forEach(({ down, inner, up }, expert) => {
        const low = affineRow(row, down, none).map(Math.tanh);
        const y = affineRow(affineRow(low, inner, none).map(Math.tanh), up, bias);
        for (let i = 0; i < width; i++) out[i] += shares[expert] * row0[i] * y[i];
      });
      return out;
    },
  };
}

function softmaxRow(x: Float64Array): Float64Array {
  const most = Math.max(...x);
  const powers = x.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
