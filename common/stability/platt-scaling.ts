import { calibrate } from '../models/calibration.ts';

/**
 * The scores on the scale of the labels' probabilities, by logistic regression on them (Platt 1999; see `calibrate`). Where all
 * scores lie between 0 and 1 it is on their log-odds, which leaves calibrated probabilities as they are; else on the standardised
 * scores. `labels` in [0, 1]; `weights` ≥ 0. Scores are finite.
 */
export function plattScaled(
  scores: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): Float32Array {
  const x = scores.every((score) => score > 0 && score < 1)
    ? Float64Array.from(scores, (score) => Math.log(score / (1 - score)))
    : standardised(scores);
  const { slope, intercept } = calibrate('logistic', x, labels, weights, { slope: 1, intercept: 0 });
  return Float32Array.from(x, (value) => 1 / (1 + Math.exp(-(slope * value + intercept))));
}

function standardised(scores: Float32Array): Float64Array {
  let mean = 0;
  for (const score of scores) mean += score / scores.length;
  let variance = 0;
  for (const score of scores) variance += (score - mean) ** 2 / scores.length;
  const scale = variance > 0 ? 1 / Math.sqrt(variance) : 0;
  return Float64Array.from(scores, (score) => (score - mean) * scale);
}
