/**
 * Expected calibration error: the mean distance between the share of positives and the mean probability in `bins` intervals of
 * equal width over [0, 1], weighted by their rows (Naeini, Cooper, Hauskrecht 2015). `labels` are 0 or 1. NaN for no rows.
 */
export function expectedCalibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  bins = 10,
): number {
  const excess = new Float64Array(bins);
  for (let i = 0; i < labels.length; i++) {
    const bin = Math.min(bins - 1, Math.floor(probabilities[i] * bins));
    excess[bin] += labels[i] - probabilities[i];
  }
  return excess.reduce((sum, value) => sum + Math.abs(value), 0) / labels.length;
}

/** Keeps the divergence finite where a list lacks a category; the paper's value. */
const SMOOTHING = 0.01;

/**
 * How far a list's categories are from those of its user's history (Steck, "Calibrated recommendations", RecSys 2018): the
 * Kullback–Leibler divergence in nats of q̃ = .99 q + .01 p from p, where p is the history's and q the list's distribution. 0
 * is calibrated. `p` and `q` are parallel and each sum to 1; NaN where a value of either is.
 */
export function miscalibration(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0;
  for (let category = 0; category < p.length; category++) {
    const share = p[category];
    if (share !== 0) sum += share * Math.log(share / ((1 - SMOOTHING) * q[category] + SMOOTHING * share));
  }
  return sum;
}
