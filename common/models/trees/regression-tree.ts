/**
 * A binary tree in arrays, one element a node, the root first and children behind their parent. Left is where a value is at
 * most the threshold.
 */
export interface RegressionTree {
  /** Column of the features, −1 in a leaf. */
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** 1 where a missing value goes left. */
  readonly missingLeft: Uint8Array;
  /** Of a leaf; 0 elsewhere. */
  readonly value: Float32Array;
}

/** Adds the tree's value for each of row-major `features`, NaN = missing, to `scores`. */
export function addTree(
  tree: RegressionTree,
  features: Float32Array,
  width: number,
  scores: Float64Array,
): void {
  for (let row = 0; row < scores.length; row++) scores[row] += valueAt(tree, features, row * width);
}

/** The tree's value for the row of `features` that begins at `start`. */
export function valueAt(tree: RegressionTree, features: Float32Array, start: number): number {
  const { feature, threshold, left, right, missingLeft, value } = tree;
  let node = 0;
  for (let column = feature[0]; column >= 0; column = feature[node]) {
    const x = features[start + column];
    const goesLeft = x <= threshold[node] || (missingLeft[node] === 1 && Number.isNaN(x));
    node = goesLeft ? left[node] : right[node];
  }
  return value[node];
}
