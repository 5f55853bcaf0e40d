import type { Value } from '../onnx/graph.ts';
import { add, concat, reduceSum, slice, toInteger } from '../onnx/operators.ts';
import type { Random } from '../random.ts';
import type { EncodedFeatures, EncodedIndices, EncodedRow } from './encoded-features.ts';
import type { FeatureEncoding } from './feature-columns.ts';
import { besides, besidesRow, denseLayer, type Layer, type Lookup, lookupTable } from './layers.ts';
import { type WideEncoding, wideIds, wideRow } from './wide-features.ts';

/** What a network is built from. */
export interface NetworkContext {
  readonly encoding: FeatureEncoding;
  readonly encoded: EncodedFeatures;
  readonly wide: WideEncoding;
  readonly random: Random;
  /** One a head: where its output starts. */
  readonly start: Float32Array;
}

/** A network over encoded features: one raw output a head. */
export interface Network {
  /** [N, heads]. */
  readonly output: Value;
  /** Looked-up parameters, to be regularised by `meanSquare`. */
  readonly lookups: readonly Lookup[];
  /** The same for one row in plain float64. */
  row(row: EncodedRow): Float64Array;
}

/** Dense inputs and the embeddings of all categorical columns side by side: [N, inputs]. */
export interface JoinedInput {
  readonly output: Value;
  readonly lookups: readonly Lookup[];
  row(row: EncodedRow): Float64Array;
}

const EMBEDDING_DEVIATION = 0.1;

/** `dim`: width of an embedding. A category without training rows has the embedding 0. */
export function joinedInput(
  { encoding, encoded, random }: Pick<NetworkContext, 'encoding' | 'encoded' | 'random'>,
  dim: number,
): JoinedInput {
  const { dense, categories } = encoded;
  if (categories === undefined) return { output: dense, lookups: [], row: (row) => row.dense };
  const counts = encoding.categorical.flatMap((column) => [...column.counts]);
  let next = 0;
  const offsets = encoding.categorical.map(({ counts: { length } }) => {
    next += length;
    return next - length;
  });
  const { graph } = categories;
  const offset = graph.constant('embedding_offset', [offsets.length], Float32Array.from(offsets));
  const table = Float32Array.from({ length: counts.length * dim }, (_, i) =>
    counts[Math.floor(i / dim)] === 0 ? 0 : EMBEDDING_DEVIATION * random.normal(),
  );
  const ids = {
    ids: toInteger(add(categories, offset), 'embedding_ids'),
    idsOf: (row: EncodedIndices) => row.categories.map((index, column) => offsets[column] + index),
  };
  const embeddings = lookupTable(ids, table, dim, 'embeddings');
  return {
    output: concat([dense, besides(embeddings)], 1, 'joined_input'),
    lookups: [embeddings],
    row: (row) => Float64Array.from([...row.dense, ...besidesRow(embeddings, row)]),
  };
}

/** The layer that ends a network: one output a head, from `start`. */
export function headLayer(x: Value, { start, random }: NetworkContext, name = 'heads'): Layer {
  return denseLayer(x, start.length, { random, activation: 'none', start }, name);
}

/** Logistic (or linear) regression on indicators and, in plain standardised form, the numeric columns. */
export function linearPart(context: NetworkContext): Network {
  const { encoded, wide, start } = context;
  const { dense, plain } = encoded;
  const inputs = plain === dense.shape[1] ? dense : slice(dense, 1, 0, plain);
  const linear = headLayer(inputs, context, 'linear');
  const ids = wideIds(encoded, wide);
  if (ids === undefined) return { output: linear.output, lookups: [], row: (row) => linear.row(row.dense) };
  const heads = start.length;
  const table = new Float32Array(wide.size * heads);
  const indicators = lookupTable({ ids, idsOf: (row) => wideRow(row, wide) }, table, heads, 'wide');
  return {
    output: add(linear.output, reduceSum(indicators.output, { axes: [1] })),
    lookups: [indicators],
    row(row) {
      const sum = linear.row(row.dense.subarray(0, plain));
      for (const id of indicators.idsOf(row))
        for (let head = 0; head < heads; head++) sum[head] += indicators.table[id * heads + head];
      return sum;
    },
  };
}
