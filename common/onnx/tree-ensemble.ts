import type { Value } from './graph.ts';

/** What a node compares: `x MODE threshold`. */
export const TREE_MODES = [
  'LEAF',
  'BRANCH_LEQ',
  'BRANCH_LT',
  'BRANCH_GTE',
  'BRANCH_GT',
  'BRANCH_EQ',
  'BRANCH_NEQ',
] as const;

/** How the trees' values become one. */
export type TreeAggregate = 'SUM' | 'AVERAGE' | 'MIN' | 'MAX';

/** Decision trees with one output, all nodes in arrays, one element a node. */
export interface TreeEnsemble {
  /** First node of each tree; its nodes are those up to the next tree's. */
  readonly roots: Uint32Array;
  /** Index in `TREE_MODES`. */
  readonly mode: Uint8Array;
  /** Column of the features. */
  readonly feature: Uint32Array;
  readonly threshold: Float32Array;
  /** Next node where the comparison holds, and where it does not; a leaf's are its tree's root. */
  readonly whenTrue: Uint32Array;
  readonly whenFalse: Uint32Array;
  /** 1 where a missing value counts as if the comparison held. */
  readonly missingTrue: Uint8Array;
  /** Of a leaf. */
  readonly value: Float32Array;
  readonly aggregate: TreeAggregate;
  /** Added to the aggregate. */
  readonly base: number;
}

/** The ensemble as a TreeEnsembleRegressor (ai.onnx.ml 3): `features` [N, width] → [N, 1]. */
export function treeEnsembleRegressor(features: Value, ensemble: TreeEnsemble, name?: string): Value {
  const { graph } = features;
  const node = graph.nodeName('TreeEnsembleRegressor', name);
  const output = { type: 'float32' as const, shape: [features.shape[0], 1] };
  return graph.node(
    'TreeEnsembleRegressor',
    node,
    [features],
    output,
    regressorAttributes(ensemble),
    'ai.onnx.ml',
  );
}

function regressorAttributes(ensemble: TreeEnsemble) {
  const { roots, mode, feature, threshold, whenTrue, whenFalse, missingTrue, value } = ensemble;
  const nodes = mode.length;
  const tree = new Uint32Array(nodes);
  const id = new Uint32Array(nodes);
  const leaves: number[] = [];
  roots.forEach((root, i) => {
    const end = roots[i + 1] ?? nodes;
    for (let at = root; at < end; at++) {
      tree[at] = i;
      id[at] = at - root;
      if (mode[at] === 0) leaves.push(at);
    }
  });
  /** Number within its tree of the node that `next` leads to. */
  const local = (next: Uint32Array) =>
    next.map((target, at) => (mode[at] === 0 ? 0 : target - roots[tree[at]]));
  return {
    n_targets: { int: 1 },
    aggregate_function: { string: ensemble.aggregate },
    base_values: { floats: [ensemble.base] },
    nodes_treeids: { ints: tree },
    nodes_nodeids: { ints: id },
    nodes_modes: { strings: Array.from(mode, (at) => TREE_MODES[at]) },
    nodes_featureids: { ints: feature },
    nodes_values: { floats: threshold },
    nodes_truenodeids: { ints: local(whenTrue) },
    nodes_falsenodeids: { ints: local(whenFalse) },
    nodes_missing_value_tracks_true: { ints: missingTrue },
    target_treeids: { ints: leaves.map((at) => tree[at]) },
    target_nodeids: { ints: leaves.map((at) => id[at]) },
    target_ids: { ints: new Uint32Array(leaves.length) },
    target_weights: { floats: leaves.map((at) => value[at]) },
  };
}
