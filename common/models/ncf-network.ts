import { embedding } from '../onnx/embedding.ts';
import { Graph, type Parameter, type Value } from '../onnx/graph.ts';
import {
  add,
  gatherRows,
  gemm,
  matmul,
  mul,
  probability,
  relu,
  reshape,
  unsqueeze,
} from '../onnx/operators.ts';
import { SCORE_OUTPUT } from '../onnx/scorer.ts';
import { Random } from '../random.ts';
import { USERS_INPUT } from './catalogue-scorer.ts';

/** Sizes of the parts; a part of width 0 is absent. */
export interface NcfShape {
  readonly userCount: number;
  readonly itemCount: number;
  /** Width of the factorised part's embeddings. */
  readonly factors: number;
  /** Width of the deep part's embeddings. */
  readonly deepFactors: number;
  /** Units of the deep layers, first to last. */
  readonly hidden: readonly number[];
}

/** `weights` [inputs, units]; `bias` [units]. */
interface Dense {
  readonly weights: Parameter;
  readonly bias: Parameter;
}

/** Embeddings [users, factors] and [items, factors], and the weight [factors, 1] of each product in the logit. */
export interface FactorPart {
  readonly users: Parameter;
  readonly items: Parameter;
  readonly head: Parameter;
}

/**
 * Embeddings; the first layer, split into what reads the user's and the item's; the further ones; their weight in the logit,
 * which begins at 0.
 */
export interface DeepPart {
  readonly users: Parameter;
  readonly items: Parameter;
  readonly fromUser: Parameter;
  readonly fromItem: Dense;
  readonly layers: readonly Dense[];
  readonly head: Parameter;
}

const EMBEDDING_DEVIATION = 0.01;

/** The graph of a neural collaborative filter, once for pairs of ids and once for users against the whole catalogue. */
export class NcfNetwork {
  readonly graph = new Graph();
  readonly factorPart: FactorPart | undefined;
  readonly deepPart: DeepPart | undefined;
  readonly bias: Parameter;
  /** Inputs int64 [N]. */
  readonly user: Value;
  readonly item: Value;
  /** [N], of the pairs. */
  readonly logits: Value;
  /** [N], the pairs' by the factorised part alone; absent where there is none. */
  readonly factorLogits: Value | undefined;
  /** [N], the pairs' probabilities. */
  readonly score: Value;
  /** Input int64 [U]. */
  readonly users: Value;
  /** [U, items]. */
  readonly catalogueLogits: Value;

  constructor(shape: NcfShape, seed: number) {
    const random = new Random(seed);
    const { graph } = this;
    this.factorPart = shape.factors === 0 ? undefined : factorPart(graph, shape, random);
    this.deepPart = shape.deepFactors === 0 ? undefined : deepPart(graph, shape, random);
    this.bias = graph.parameter('bias', [1], new Float32Array(1), false);
    this.user = graph.input('user', ['N'], 'int64');
    this.item = graph.input('item', ['N'], 'int64');
    const parts = this.#pairs();
    const sum = parts.reduce((total, part) => add(total, part));
    this.logits = reshape(add(sum, this.bias), ['N'], 'logits');
    this.factorLogits = this.factorPart && reshape(add(parts[0], this.bias), ['N'], 'factor_logits');
    this.score = probability(this.logits, SCORE_OUTPUT);
    this.users = graph.input(USERS_INPUT, ['U'], 'int64');
    this.catalogueLogits = add(this.#catalogue(), this.bias, 'catalogue_logits');
  }

  /** Units of the deep layers. */
  get deepUnits(): number[] {
    if (this.deepPart === undefined) return [];
    return [this.deepPart.fromItem, ...this.deepPart.layers].map(({ bias }) => bias.data.length);
  }

  /** The logits [N, 1] of each part, the factorised one first. */
  #pairs(): Value[] {
    const parts: Value[] = [];
    if (this.factorPart !== undefined) {
      const { users, items, head } = this.factorPart;
      parts.push(matmul(mul(embedding(users, this.user), embedding(items, this.item)), head));
    }
    if (this.deepPart !== undefined) {
      const { users, items, fromUser, fromItem } = this.deepPart;
      const first = add(
        gemm(embedding(users, this.user), fromUser),
        gemm(embedding(items, this.item), fromItem.weights, { bias: fromItem.bias }),
      );
      parts.push(deepLogits(relu(first), this.deepPart));
    }
    return parts;
  }

  /** [U, items]. */
  #catalogue(): Value {
    const parts: Value[] = [];
    const itemCount = (this.factorPart ?? this.deepPart)!.items.shape[0];
    if (this.factorPart !== undefined) {
      const { users, items, head } = this.factorPart;
      const weighted = mul(gatherRows(users, this.users), reshape(head, [1, head.shape[0]]));
      parts.push(gemm(weighted, items, { transB: true }));
    }
    if (this.deepPart !== undefined) {
      const { users, items, fromUser, fromItem } = this.deepPart;
      const ofUsers = unsqueeze(gemm(gatherRows(users, this.users), fromUser), [1]);
      const ofItems = unsqueeze(gemm(items, fromItem.weights, { bias: fromItem.bias }), [0]);
      const logits = deepLogits(relu(add(ofUsers, ofItems)), this.deepPart);
      parts.push(reshape(logits, ['U', itemCount]));
    }
    return parts.reduce((sum, part) => add(sum, part));
  }
}

/** The layers behind the first on its units [..., units]: [..., 1]. */
function deepLogits(first: Value, { layers, head }: DeepPart): Value {
  const last = layers.reduce((x, { weights, bias }) => relu(add(matmul(x, weights), bias)), first);
  return matmul(last, head);
}

function factorPart(graph: Graph, { userCount, itemCount, factors }: NcfShape, random: Random): FactorPart {
  return {
    users: table(graph, 'factor_users', userCount, factors, random),
    items: table(graph, 'factor_items', itemCount, factors, random),
    head: weights(graph, 'factor_head', factors, 1, 1 / factors, random),
  };
}

function deepPart(graph: Graph, shape: NcfShape, random: Random): DeepPart {
  const { userCount, itemCount, deepFactors, hidden } = shape;
  const [first, ...rest] = hidden;
  const gain = 1 / deepFactors;
  let inputs = first;
  return {
    users: table(graph, 'deep_users', userCount, deepFactors, random),
    items: table(graph, 'deep_items', itemCount, deepFactors, random),
    fromUser: weights(graph, 'deep_0_from_user', deepFactors, first, gain, random),
    fromItem: {
      weights: weights(graph, 'deep_0_from_item', deepFactors, first, gain, random),
      bias: graph.parameter('deep_0_bias', [first], new Float32Array(first), false),
    },
    layers: rest.map((units, i) => {
      const name = `deep_${i + 1}`;
      const layer = {
        weights: weights(graph, `${name}_weights`, inputs, units, 2 / inputs, random),
        bias: graph.parameter(`${name}_bias`, [units], new Float32Array(units), false),
      };
      inputs = units;
      return layer;
    }),
    head: graph.parameter('deep_head', [hidden.at(-1)!, 1], new Float32Array(hidden.at(-1)!)),
  };
}

function table(graph: Graph, name: string, rows: number, width: number, random: Random): Parameter {
  const data = Float32Array.from({ length: rows * width }, () => EMBEDDING_DEVIATION * random.normal());
  return graph.parameter(name, [rows, width], data);
}

function weights(
  graph: Graph,
  name: string,
  inputs: number,
  units: number,
  variance: number,
  random: Random,
): Parameter {
  const deviation = Math.sqrt(variance);
  const data = Float32Array.from({ length: inputs * units }, () => deviation * random.normal());
  return graph.parameter(name, [inputs, units], data);
}
