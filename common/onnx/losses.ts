/**
 * Losses as graph values: each takes predictions and targets and gives one float32 scalar, the mean over rows. `weights`
 * (shape [N], optional) multiply the rows' losses before the mean; scale them to a mean of 1 to keep the loss's scale.
 */
import type { Value } from './graph.ts';
import { abs, logSoftmax, mul, neg, reduceMean, reduceSum, softplus, sub } from './operators.ts';
import { formatShape, sameShape } from './shapes.ts';

/** −[y log σ(x) + (1 − y) log(1 − σ(x))] on logits x and labels y in [0, 1], both [N]; computed as softplus(x) − x y. */
export function binaryCrossEntropy(logits: Value, labels: Value, weights?: Value): Value {
  checkSame('binaryCrossEntropy', logits, labels);
  return weightedMean(sub(softplus(logits), mul(logits, labels)), weights);
}

/** (p − y)², both [N]. */
export function meanSquaredError(predictions: Value, targets: Value, weights?: Value): Value {
  checkSame('meanSquaredError', predictions, targets);
  const error = sub(predictions, targets);
  return weightedMean(mul(error, error), weights);
}

/** |p − y|, both [N]; its gradient is 0 where they are equal. */
export function meanAbsoluteError(predictions: Value, targets: Value, weights?: Value): Value {
  checkSame('meanAbsoluteError', predictions, targets);
  return weightedMean(abs(sub(predictions, targets)), weights);
}

/** −log σ(p − n) on the scores of a preferred and another item, both [N] (Rendle et al., UAI 2009). */
export function bayesianPersonalisedRanking(preferred: Value, other: Value, weights?: Value): Value {
  checkSame('bayesianPersonalisedRanking', preferred, other);
  return weightedMean(softplus(sub(other, preferred)), weights);
}

/** −Σ t log softmax(x) over the classes, on logits and target distributions, both [N, classes]. */
export function softmaxCrossEntropy(logits: Value, targets: Value, weights?: Value): Value {
  checkSame('softmaxCrossEntropy', logits, targets);
  return weightedMean(neg(reduceSum(mul(targets, logSoftmax(logits, 1)), { axes: [1] })), weights);
}

function weightedMean(losses: Value, weights: Value | undefined): Value {
  if (weights !== undefined) checkSame('weights', losses, weights);
  return reduceMean(weights === undefined ? losses : mul(losses, weights));
}

/** Broadcasting [N] against [N, 1] would compare every row with every other. */
function checkSame(loss: string, a: Value, b: Value): void {
  if (sameShape(a.shape, b.shape)) return;
  throw new Error(
    `${loss}: '${a.name}' ${formatShape(a.shape)} and '${b.name}' ${formatShape(b.shape)} differ in shape`,
  );
}
