const ITERATIONS_MAX = 50;
/** Curvature added to both parameters: scores that separate the labels would have no finite fit. */
const RIDGE = 1e-6;
const CONVERGED = 1e-9;
const HALVINGS_MAX = 30;

interface Fit {
  readonly slope: number;
  readonly intercept: number;
}

/**
 * The scores on the scale of the labels' probabilities: σ(slope · x + intercept), fitted by logistic regression (Platt 1999; Newton
 * steps with halving as in Lin, Lin, Weng: A note on Platt's probabilistic outputs, 2007). x is the log-odds of a score where all
 * scores lie between 0 and 1, which leaves calibrated probabilities as they are, else the score. `labels` in [0, 1]; `weights`
 * ≥ 0, not all 0. Scores are finite.
 */
export function plattScaled(
  scores: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): Float32Array {
  const probabilities = scores.every((score) => score > 0 && score < 1);
  const x = Float64Array.from(scores, (score) => (probabilities ? Math.log(score / (1 - score)) : score));
  const rows = { x, labels, weights: weights ?? new Float32Array(x.length).fill(1) };
  const { slope, intercept } = fitted(rows, { slope: probabilities ? 1 : 0, intercept: 0 });
  return Float32Array.from(x, (value) => 1 / (1 + Math.exp(-(slope * value + intercept))));
}

interface Rows {
  readonly x: Float64Array;
  readonly labels: Float32Array;
  readonly weights: Float32Array;
}

function fitted(rows: Rows, start: Fit): Fit {
  const total = rows.weights.reduce((sum, weight) => sum + weight, 0);
  let fit = start;
  let loss = lossOf(rows, fit, total);
  for (let iteration = 0; iteration < ITERATIONS_MAX; iteration++) {
    const step = newtonStep(rows, fit, total);
    let share = 1;
    let next = moved(fit, step, share);
    let nextLoss = lossOf(rows, next, total);
    for (let i = 0; i < HALVINGS_MAX && !(nextLoss <= loss); i++) {
      share /= 2;
      next = moved(fit, step, share);
      nextLoss = lossOf(rows, next, total);
    }
    if (!(nextLoss < loss)) break;
    const gain = loss - nextLoss;
    fit = next;
    loss = nextLoss;
    if (gain < CONVERGED) break;
  }
  return fit;
}

function moved({ slope, intercept }: Fit, step: Fit, share: number): Fit {
  return { slope: slope - share * step.slope, intercept: intercept - share * step.intercept };
}

/** Mean log loss with the ridge. */
function lossOf({ x, labels, weights }: Rows, { slope, intercept }: Fit, total: number): number {
  let sum = 0;
  for (let row = 0; row < x.length; row++) {
    const z = slope * x[row] + intercept;
    sum += weights[row] * (Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - labels[row] * z);
  }
  return sum / total + (RIDGE / 2) * (slope * slope + intercept * intercept);
}

/** Inverse Hessian times gradient of the loss. */
function newtonStep({ x, labels, weights }: Rows, { slope, intercept }: Fit, total: number): Fit {
  let [gradientSlope, gradientIntercept, slopeSlope, slopeIntercept, interceptIntercept] = [0, 0, 0, 0, 0];
  for (let row = 0; row < x.length; row++) {
    const p = 1 / (1 + Math.exp(-(slope * x[row] + intercept)));
    const error = weights[row] * (p - labels[row]);
    const curvature = weights[row] * p * (1 - p);
    gradientSlope += error * x[row];
    gradientIntercept += error;
    slopeSlope += curvature * x[row] * x[row];
    slopeIntercept += curvature * x[row];
    interceptIntercept += curvature;
  }
  const a = slopeSlope / total + RIDGE;
  const b = slopeIntercept / total;
  const c = interceptIntercept / total + RIDGE;
  const g = gradientSlope / total + RIDGE * slope;
  const h = gradientIntercept / total + RIDGE * intercept;
  const determinant = a * c - b * b;
  return { slope: (c * g - b * h) / determinant, intercept: (a * h - b * g) / determinant };
}
