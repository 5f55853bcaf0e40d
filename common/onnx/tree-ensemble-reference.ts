import { fromBinary } from '@bufbuild/protobuf';
import { type AttributeProto, ModelProtoSchema, type NodeProto } from 'onnx-buf';
import { TREE_MODES, type TreeAggregate, type TreeEnsemble } from './tree-ensemble.ts';

/**
 * The one TreeEnsembleRegressor of a model. Throws where there is none or several, it has more outputs than one, or transforms
 * them.
 */
export function readTreeEnsemble(model: Uint8Array): TreeEnsemble {
  const nodes = fromBinary(ModelProtoSchema, model).graph?.node ?? [];
  const found = nodes.filter(({ opType }) => opType === 'TreeEnsembleRegressor');
  if (found.length !== 1) throw new Error(`the model has ${found.length} TreeEnsembleRegressors, not 1`);
  return ensembleOf(new Attributes(found[0]));
}

function ensembleOf(attributes: Attributes): TreeEnsemble {
  const targets = attributes.int('n_targets', 1);
  const transform = attributes.string('post_transform', 'NONE');
  if (targets !== 1 || transform !== 'NONE')
    throw new Error(`the trees have ${targets} outputs, transformed by ${transform}`);
  const trees = attributes.ints('nodes_treeids');
  const ids = attributes.ints('nodes_nodeids');
  const nodeOf = new Map(ids.map((id, node) => [`${trees[node]} ${id}`, node]));
  const next = (name: string) =>
    Uint32Array.from(attributes.ints(name), (id, node) => nodeOf.get(`${trees[node]} ${id}`) ?? 0);
  const value = new Float32Array(ids.length);
  const targetTrees = attributes.ints('target_treeids');
  const weights = attributes.floats('target_weights');
  attributes.ints('target_nodeids').forEach((id, i) => {
    value[nodeOf.get(`${targetTrees[i]} ${id}`)!] += weights[i];
  });
  const missing = attributes.ints('nodes_missing_value_tracks_true');
  return {
    roots: Uint32Array.from([...trees.keys()].filter((node) => trees[node] !== trees[node - 1])),
    mode: Uint8Array.from(attributes.strings('nodes_modes'), (mode) =>
      TREE_MODES.indexOf(mode as (typeof TREE_MODES)[number]),
    ),
    feature: Uint32Array.from(attributes.ints('nodes_featureids')),
    threshold: Float32Array.from(attributes.floats('nodes_values')),
    whenTrue: next('nodes_truenodeids'),
    whenFalse: next('nodes_falsenodeids'),
    missingTrue: Uint8Array.from({ length: ids.length }, (_, node) => missing[node] ?? 0),
    value,
    aggregate: attributes.string('aggregate_function', 'SUM') as TreeAggregate,
    base: attributes.floats('base_values')[0] ?? 0,
  };
}

/** A node's attributes by name. */
class Attributes {
  readonly #byName: ReadonlyMap<string, AttributeProto>;

  constructor(node: NodeProto) {
    this.#byName = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  }

  int(name: string, otherwise: number): number {
    const attribute = this.#byName.get(name);
    return attribute === undefined ? otherwise : Number(attribute.i);
  }

  string(name: string, otherwise: string): string {
    const attribute = this.#byName.get(name);
    return attribute === undefined ? otherwise : new TextDecoder().decode(attribute.s);
  }

  ints(name: string): number[] {
    return (this.#byName.get(name)?.ints ?? []).map(Number);
  }

  floats(name: string): number[] {
    return this.#byName.get(name)?.floats ?? [];
  }

  strings(name: string): string[] {
    return (this.#byName.get(name)?.strings ?? []).map((bytes) => new TextDecoder().decode(bytes));
  }
}

/** The ensemble's output for rows of `width` features, NaN = missing, in float64: the oracle of its ONNX form. */
export function referenceTreeScores(
  ensemble: TreeEnsemble,
  features: Float32Array,
  width: number,
): Float64Array {
  return Float64Array.from({ length: features.length / width }, (_, row) => {
    const x = features.subarray(row * width, (row + 1) * width);
    const values = Array.from(ensemble.roots, (root) => leafValue(ensemble, root, x));
    return ensemble.base + aggregated(values, ensemble.aggregate);
  });
}

function leafValue(ensemble: TreeEnsemble, root: number, x: Float32Array): number {
  let node = root;
  while (TREE_MODES[ensemble.mode[node]] !== 'LEAF') {
    const value = x[ensemble.feature[node]];
    const holds = Number.isNaN(value)
      ? ensemble.missingTrue[node] === 1
      : compares(TREE_MODES[ensemble.mode[node]], value, ensemble.threshold[node]);
    node = holds ? ensemble.whenTrue[node] : ensemble.whenFalse[node];
  }
  return ensemble.value[node];
}

function compares(mode: (typeof TREE_MODES)[number], value: number, threshold: number): boolean {
  switch (mode) {
    case 'BRANCH_LEQ':
      return value <= threshold;
    case 'BRANCH_LT':
      return value < threshold;
    case 'BRANCH_GTE':
      return value >= threshold;
    case 'BRANCH_GT':
      return value > threshold;
    case 'BRANCH_EQ':
      return value === threshold;
    case 'BRANCH_NEQ':
      return value !== threshold;
    default:
      throw new Error(`${mode} is not a comparison`);
  }
}

function aggregated(values: readonly number[], aggregate: TreeAggregate): number {
  if (aggregate === 'MIN') return Math.min(...values);
  if (aggregate === 'MAX') return Math.max(...values);
  const sum = values.reduce((total, value) => total + value, 0);
  return aggregate === 'SUM' ? sum : sum / values.length;
}
