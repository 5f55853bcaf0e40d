/**
 * Area under the ROC curve: the probability that a positive scores above a negative, equal scores counting one half
 * (Mann–Whitney). `labels` are 0 or 1. NaN where one of the classes is absent or a score is NaN.
 */
export function areaUnderCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  for (let i = 0; i < scores.length; i++) if (Number.isNaN(scores[i])) return Number.NaN;
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

/** What a threshold makes of probabilities. */
export interface Decisions {
  readonly accuracy: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/**
 * A row is predicted positive from a probability of `threshold` on. Precision without a predicted positive, recall without a
 * positive and F1 without either are 0 (scikit-learn's `zero_division`); accuracy for no rows is NaN.
 */
export function decisions(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  threshold = 0.5,
): Decisions {
  let truePositives = 0;
  let predicted = 0;
  let positives = 0;
  for (let i = 0; i < labels.length; i++) {
    const isPredicted = probabilities[i] >= threshold;
    if (isPredicted) predicted++;
    if (labels[i] === 1) positives++;
    if (isPredicted && labels[i] === 1) truePositives++;
  }
  const trueNegatives = labels.length - predicted - positives + truePositives;
  return {
    accuracy: (truePositives + trueNegatives) / labels.length,
    precision: truePositives / Math.max(1, predicted),
    recall: truePositives / Math.max(1, positives),
    f1: (2 * truePositives) / Math.max(1, predicted + positives),
  };
}
