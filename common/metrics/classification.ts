/**
 * Area under the ROC curve: the probability that a positive scores above a negative, equal scores counting one half
 * (Mann–Whitney). `labels` are 0 or 1. NaN where one of the classes is absent.
 */
export function areaUnderCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => scores[a] - scores[b],
  );
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    let positivesHere = 0;
    while (end < order.length && scores[order[end]] === scores[order[start]])
      positivesHere += labels[order[end++]];
    positives += positivesHere;
    rankSum += (positivesHere * (start + end + 1)) / 2;
    start = end;
  }
  const negatives = order.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

const PROBABILITY_MIN = 1e-15;

/** Mean negative log likelihood in nats of 0/1 `labels`; probabilities are clipped to [1e-15, 1 − 1e-15]. NaN for no rows. */
export function logLoss(probabilities: ArrayLike<number>, labels: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    const p = Math.min(Math.max(probabilities[i], PROBABILITY_MIN), 1 - PROBABILITY_MIN);
    sum -= Math.log(labels[i] === 1 ? p : 1 - p);
  }
  return sum / labels.length;
}
