import type { TreeEnsemble } from '../../onnx/tree-ensemble.ts';
import { TREE_MODES } from '../../onnx/tree-ensemble.ts';
import type { RegressionTree } from './regression-tree.ts';

/** The sum of the trees' values times `scale`, as one ensemble. */
export function forest(trees: readonly RegressionTree[], scale: number): TreeEnsemble {
  const nodes = trees.reduce((sum, { feature }) => sum + feature.length, 0);
  const ensemble = {
    roots: new Uint32Array(trees.length),
    mode: new Uint8Array(nodes),
    feature: new Uint32Array(nodes),
    threshold: new Float32Array(nodes),
    whenTrue: new Uint32Array(nodes),
    whenFalse: new Uint32Array(nodes),
    missingTrue: new Uint8Array(nodes),
    value: new Float32Array(nodes),
    aggregate: 'SUM' as const,
    base: 0,
  };
  let root = 0;
  trees.forEach((tree, i) => {
    ensemble.roots[i] = root;
    tree.feature.forEach((feature, node) => {
      const at = root + node;
      const isLeaf = feature < 0;
      ensemble.mode[at] = isLeaf ? TREE_MODES.indexOf('LEAF') : TREE_MODES.indexOf('BRANCH_LEQ');
      ensemble.feature[at] = isLeaf ? 0 : feature;
      ensemble.threshold[at] = tree.threshold[node];
      ensemble.whenTrue[at] = root + tree.left[node];
      ensemble.whenFalse[at] = root + tree.right[node];
      ensemble.missingTrue[at] = tree.missingLeft[node];
      ensemble.value[at] = tree.value[node] * scale;
    });
    root += tree.feature.length;
  });
  return ensemble;
}
