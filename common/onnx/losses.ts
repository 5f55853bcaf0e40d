/**
 * Losses as graph values: each takes predictions and targets and gives one float32 scalar, the mean over rows. `weights`
 * (shape [N], optional) multiply the rows' losses before the mean; scale them to a mean of 1 to keep the loss's scale.
 */
import type { Value } from './graph.ts';
import {
  abs,
  equal,
  gemm,
  greater,
  logSoftmax,
  mul,
  neg,
  reduceLogSumExp,
  reduceMean,
  reduceSum,
  softmax,
  softplus,
  sub,
  toFloat,
  unsqueeze,
  where,
} from './operators.ts';
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

/**
 * Sampled softmax: −log of the preferred item's share against sampled ones, on scores [N] and [N, S] less the log of the
 * probability of their being sampled (Bengio & Senécal 2008), [N] and [N, S] or [S]. `hits` [N, S]: 1 where a sampled item
 * is the preferred one by accident, which then does not count; else 0.
 */
export function sampledSoftmax(
  { preferred, preferredLogQ, sampled, sampledLogQ, hits }: SampledScores,
  weights?: Value,
): Value {
  checkSame('sampledSoftmax', preferred, preferredLogQ);
  const corrected = sub(sampled, sampledLogQ);
  checkSame('sampledSoftmax', sampled, corrected);
  if (hits !== undefined) checkSame('sampledSoftmax', sampled, hits);
  const others = hits === undefined ? corrected : where(greater(hits, 0), NEVER, corrected);
  return shareLoss(sub(preferred, preferredLogQ), others, weights);
}

export interface SampledScores {
  readonly preferred: Value;
  readonly preferredLogQ: Value;
  readonly sampled: Value;
  readonly sampledLogQ: Value;
  readonly hits?: Value;
}

/**
 * Softmax in which each row's item stands against those of all other rows (Yi et al., RecSys 2019), on the inner products of
 * `users` and `items` [N, d]. `logQ` [N]: log of the probability that an item is in a batch, up to a constant. `itemIds`
 * int64 [N]: rows of the same item are not set against each other.
 */
export function inBatchSoftmax(
  users: Value,
  items: Value,
  itemIds: Value,
  logQ: Value,
  weights?: Value,
): Value {
  checkSame('inBatchSoftmax', users, items);
  checkSame('inBatchSoftmax', itemIds, logQ);
  const own = sub(reduceSum(mul(users, items), { axes: [1] }), logQ);
  const corrected = sub(gemm(users, items, { transB: true }), unsqueeze(logQ, [0]));
  const same = equal(unsqueeze(itemIds, [1]), unsqueeze(itemIds, [0]));
  return shareLoss(own, where(same, NEVER, corrected), weights);
}

/** Padded groups of documents, one query each: `scores` and `labels` [G, L]; `mask` [G, L], 1 for a document, 0 for padding. */
export interface Groups {
  readonly scores: Value;
  readonly labels: Value;
  readonly mask: Value;
}

/**
 * RankNet (Burges et al., ICML 2005): log(1 + exp(sⱼ − sᵢ)) for every pair with label i above label j, summed over a group's
 * pairs; the mean over groups. `pairWeights` [G, L, L], of (i, j): |ΔNDCG| makes it LambdaRank (Burges et al., NIPS 2006).
 */
export function rankNet({ scores, labels, mask }: Groups, pairWeights?: Value): Value {
  checkGroups('rankNet', { scores, labels, mask });
  const [first, second] = [[2], [1]];
  const preferred = toFloat(greater(unsqueeze(labels, first), unsqueeze(labels, second)));
  const real = mul(unsqueeze(mask, first), unsqueeze(mask, second));
  const pairs = mul(preferred, real);
  if (pairWeights !== undefined) checkSame('rankNet', pairs, pairWeights);
  const counted = pairWeights === undefined ? pairs : mul(pairs, pairWeights);
  const costs = softplus(sub(unsqueeze(scores, second), unsqueeze(scores, first)));
  return reduceMean(reduceSum(mul(counted, costs), { axes: [1, 2] }));
}

/**
 * ListNet with top-one probabilities (Cao et al., ICML 2007): the cross-entropy of softmax(scores) under softmax(labels) in
 * each group; the mean over groups.
 */
export function listNet({ scores, labels, mask }: Groups): Value {
  checkGroups('listNet', { scores, labels, mask });
  const real = greater(mask, 0);
  const targets = mul(softmax(where(real, labels, NEVER), 1), mask);
  return reduceMean(neg(reduceSum(mul(targets, logSoftmax(where(real, scores, NEVER), 1)), { axes: [1] })));
}

/** The logit of what takes no part in a softmax. */
const NEVER = -1e9;

/** −log softmax of `own` [N] beside `others` [N, S], mean over rows. */
function shareLoss(own: Value, others: Value, weights: Value | undefined): Value {
  return weightedMean(softplus(sub(reduceLogSumExp(others, { axes: [1] }), own)), weights);
}

function checkGroups(loss: string, { scores, labels, mask }: Groups): void {
  checkSame(loss, scores, labels);
  checkSame(loss, scores, mask);
  if (scores.shape.length !== 2)
    throw new Error(`${loss}: '${scores.name}' ${formatShape(scores.shape)} is not [G, L]`);
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
