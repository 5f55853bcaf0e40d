import { embedding, embeddingBag } from '../onnx/embedding.ts';
import type { Graph, Parameter, Value } from '../onnx/graph.ts';
import { add, concat, div, mul, reduceSum, sqrt } from '../onnx/operators.ts';
import type { Random } from '../random.ts';
import { type CrossLayer, crossLayer } from './deep-cross.ts';
import { encodeFeatures, encodeRow } from './encoded-features.ts';
import type { FeatureEncoding } from './feature-columns.ts';
import { denseLayer, denseStack, type Layer, type Lookup } from './layers.ts';
import { joinedInput } from './networks.ts';

/** The network of a tower over its joined inputs. */
export interface TowerShape {
  /**
   * `mlp`: ReLU layers. `resnet`: blocks x + W₂ ReLU(W₁ x + b₁) + b₂ of the output's width (He et al., CVPR 2016), which begin as
   * the identity. `dcn`: cross layers beside ReLU layers (Wang et al., WWW 2021).
   */
  readonly kind: 'mlp' | 'resnet' | 'dcn';
  /** Units of each ReLU layer or of each block's inner layer. */
  readonly hidden: readonly number[];
  /** Of `dcn`. */
  readonly crossLayers: number;
  /** Width of the vector, and of the embeddings of ids. */
  readonly dim: number;
  /** Width of a categorical feature's embedding. */
  readonly featureDim: number;
  /** Whether the vector is scaled to length 1. */
  readonly normalised: boolean;
}

export interface Sides<T> {
  readonly user: T;
  readonly item: T;
}

/** Features of all users or all items. */
export interface TowerFeatures {
  readonly encoding: FeatureEncoding;
  /** Row-major, NaN = missing. */
  readonly values: Float32Array;
}

/** What a tower reads. Ids are below the length of `ids` and `historyIds`, which count an id's training rows. */
export interface TowerInputs {
  readonly ids?: Uint32Array;
  readonly historyIds?: Uint32Array;
  readonly features?: FeatureEncoding;
}

/** One row of a tower's inputs. */
export interface TowerRow {
  readonly id?: number;
  readonly history?: ArrayLike<number>;
  /** NaN = missing. */
  readonly features?: Float32Array;
}

/**
 * Names of a tower's inputs, behind its own name: int64 [N]; int64 and float32 [N, L], the mask 1 for an id, 0 for padding;
 * float32 [N, columns].
 */
const TOWER_INPUTS = {
  id: 'id',
  history: 'history',
  mask: 'history_mask',
  features: 'features',
} as const;

/** The name of its output, float32 [N, dim]. */
export const VECTOR_OUTPUT = 'vector';

export interface Tower {
  /** Of its categorical features. */
  readonly lookups: readonly Lookup[];
  readonly inputs: Readonly<Partial<Record<keyof typeof TOWER_INPUTS, Value>>>;
  /** [N, dim]. */
  readonly vector: Value;
  /** The same for one row in plain float64. */
  row(row: TowerRow): Float64Array;
}

interface Part {
  readonly lookups?: readonly Lookup[];
  readonly output: Value;
  row(row: TowerRow): Float64Array;
}

const EMBEDDING_DEVIATION = 0.1;
const NORM_FLOOR = 1e-12;

/** Adds a tower to the graph, its names begun with `name`. It reads at least one of ids, history and features. */
export function buildTower(
  graph: Graph,
  name: string,
  reads: TowerInputs,
  shape: TowerShape,
  random: Random,
): Tower {
  return graph.within(`${name}_`, () => {
    const inputs: { -readonly [K in keyof Tower['inputs']]: Tower['inputs'][K] } = {};
    const parts: Part[] = [];
    if (reads.ids !== undefined) {
      inputs.id = graph.input(TOWER_INPUTS.id, ['N'], 'int64');
      parts.push(idPart(table(graph, 'ids', reads.ids, shape.dim, random), inputs.id));
    }
    if (reads.historyIds !== undefined) {
      inputs.history = graph.input(TOWER_INPUTS.history, ['N', 'L'], 'int64');
      inputs.mask = graph.input(TOWER_INPUTS.mask, ['N', 'L']);
      parts.push(
        historyPart(
          table(graph, 'history_items', reads.historyIds, shape.dim, random),
          inputs.history,
          inputs.mask,
        ),
      );
    }
    if (reads.features !== undefined) {
      inputs.features = graph.input(TOWER_INPUTS.features, ['N', reads.features.columns.length]);
      parts.push(featurePart(inputs.features, reads.features, shape.featureDim, random));
    }
    const input =
      parts.length === 1
        ? parts[0].output
        : concat(
            parts.map(({ output }) => output),
            1,
          );
    const body = towerBody(input, shape, random);
    return {
      inputs,
      lookups: parts.flatMap(({ lookups = [] }) => lookups),
      vector: shape.normalised ? unit(body.output) : body.output,
      row(row) {
        const joined = Float64Array.from(parts.flatMap((part) => [...part.row(row)]));
        const vector = body.row(joined);
        return shape.normalised ? unitRow(vector) : vector;
      },
    };
  });
}

function towerBody(input: Value, shape: TowerShape, random: Random): Layer {
  if (shape.kind === 'resnet') return residualBody(input, shape, random);
  const { hidden, dim } = shape;
  const linear = { random, activation: 'none' as const, gain: 1 };
  if (shape.kind === 'mlp') {
    const stack = denseStack(input, hidden, random, 'deep');
    const last = denseLayer(stack.output, dim, linear, 'out');
    return { output: last.output, row: (row) => last.row(stack.row(row)) };
  }
  const crosses: CrossLayer[] = [];
  let crossed = input;
  for (let i = 0; i < shape.crossLayers; i++) {
    crosses.push(crossLayer(input, crossed, random, `cross_${i}`));
    crossed = crosses[i].output;
  }
  const stack = denseStack(input, hidden, random, 'deep');
  const joined = hidden.length === 0 ? crossed : concat([crossed, stack.output], 1);
  const last = denseLayer(joined, dim, linear, 'out');
  return {
    output: last.output,
    row(row) {
      const cross = crosses.reduce((x, layer) => layer.row(row, x), row);
      return last.row(hidden.length === 0 ? cross : Float64Array.from([...cross, ...stack.row(row)]));
    },
  };
}

function residualBody(input: Value, { hidden, dim }: TowerShape, random: Random): Layer {
  const linear = { random, activation: 'none' as const, gain: 1 };
  const projection = input.shape[1] === dim ? undefined : denseLayer(input, dim, linear, 'projection');
  let output = projection?.output ?? input;
  const blocks = hidden.map((units, i) => {
    const inner = denseLayer(output, units, { random, activation: 'relu' }, `block_${i}_inner`);
    const start = new Float32Array(dim);
    const outer = denseLayer(inner.output, dim, { ...linear, start }, `block_${i}_outer`);
    output = add(output, outer.output);
    return { inner, outer };
  });
  return {
    output,
    row(row) {
      const first = projection?.row(row) ?? row;
      return blocks.reduce((x, { inner, outer }) => {
        const added = outer.row(inner.row(x));
        return x.map((value, i) => value + added[i]);
      }, first);
    },
  };
}

function idPart(ids: Parameter, input: Value): Part {
  const dim = ids.shape[1] as number;
  return {
    output: embedding(ids, input),
    row: ({ id }) => Float64Array.from(ids.data.subarray(id! * dim, (id! + 1) * dim)),
  };
}

function historyPart(items: Parameter, history: Value, mask: Value): Part {
  const dim = items.shape[1] as number;
  return {
    output: embeddingBag(items, history, mask, 'mean'),
    row({ history: ids = [] }) {
      const mean = new Float64Array(dim);
      for (const id of Array.from(ids))
        for (let i = 0; i < dim; i++) mean[i] += items.data[id * dim + i] / ids.length;
      return mean;
    },
  };
}

function featurePart(input: Value, encoding: FeatureEncoding, dim: number, random: Random): Part {
  const joined = joinedInput({ encoding, encoded: encodeFeatures(input, encoding), random }, dim);
  return {
    output: joined.output,
    lookups: joined.lookups,
    row: ({ features }) => joined.row(encodeRow(features!, encoding)),
  };
}

/** An id without training rows has the embedding 0. */
function table(graph: Graph, name: string, counts: Uint32Array, dim: number, random: Random): Parameter {
  const data = Float32Array.from({ length: counts.length * dim }, (_, i) =>
    counts[Math.floor(i / dim)] === 0 ? 0 : EMBEDDING_DEVIATION * random.normal(),
  );
  return graph.parameter(name, [counts.length, dim], data);
}

function unit(x: Value): Value {
  return div(x, sqrt(add(reduceSum(mul(x, x), { axes: [1], keepDims: true }), NORM_FLOOR)));
}

function unitRow(x: Float64Array): Float64Array {
  const norm = Math.sqrt(x.reduce((sum, value) => sum + value * value, NORM_FLOOR));
  return x.map((value) => value / norm);
}
