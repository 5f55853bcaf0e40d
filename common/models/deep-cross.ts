import type { Value } from '../onnx/graph.ts';
import { add, concat, gemm, matmul, mul, slice, softmax, tanh } from '../onnx/operators.ts';
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

/** Since the gates sum to 1, Σ gᵢ (Uᵢ hᵢ + b) is one product of all U side by side with the gated h, plus b. */
function crossMixture(
  x0: Value,
  x: Value,
  { experts, rank }: NonNullable<DeepCrossOptions['mixture']>,
  random: Random,
  name: string,
): CrossLayer {
  const { graph } = x;
  const width = x.shape[1] as number;
  const matrix = (of: string, rows: number, columns: number, inputs = rows) => {
    const deviation = Math.sqrt(1 / inputs);
    const data = Float32Array.from({ length: rows * columns }, () => deviation * random.normal());
    return { value: graph.parameter(`${name}_${of}`, [rows, columns], data), data };
  };
  const bias = new Float32Array(width);
  const gate = matrix('gate', width, experts);
  const down = matrix('down', width, experts * rank);
  const inner = Array.from({ length: experts }, (_, i) => matrix(`inner_${i}`, rank, rank));
  const up = matrix('up', experts * rank, width, rank);
  const gates = softmax(matmul(x, gate.value), 1);
  const low = tanh(matmul(x, down.value));
  const gated = inner.map(({ value }, i) => {
    const turned = tanh(matmul(slice(low, 1, i * rank, (i + 1) * rank), value));
    return mul(turned, slice(gates, 1, i, i + 1));
  });
  const biasValue = graph.parameter(`${name}_bias`, [width], bias, false);
  const mixed = gemm(concat(gated, 1), up.value, { bias: biasValue });
  return {
    output: add(mul(x0, mixed), x),
    row(row0, row) {
      const shares = softmaxRow(affineRow(row, gate.data, new Float32Array(experts)));
      const lows = affineRow(row, down.data, new Float32Array(experts * rank)).map(Math.tanh);
      const out = row.slice();
      inner.forEach(({ data }, i) => {
        const turned = affineRow(lows.subarray(i * rank, (i + 1) * rank), data, new Float32Array(rank));
        const ups = up.data.subarray(i * rank * width, (i + 1) * rank * width);
        const y = affineRow(turned.map(Math.tanh), ups, bias);
        for (let j = 0; j < width; j++) out[j] += shares[i] * row0[j] * y[j];
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
