/** A prediction on the scale of what it predicts: link(slope × raw + intercept). */
export interface Calibration {
  readonly slope: number;
  readonly intercept: number;
}

/** `logistic`: a probability; `identity`: any number; `exponential`: a positive number. */
export type Link = 'logistic' | 'identity' | 'exponential';

/** The mean of what is predicted, and its derivative by the linear predictor, under each link. */
const MEANS: Readonly<Record<Link, (x: number) => { mean: number; slope: number }>> = {
  logistic(x) {
    const mean = 1 / (1 + Math.exp(-x));
    return { mean, slope: mean * (1 - mean) };
  },
  identity: (x) => ({ mean: x, slope: 1 }),
  exponential(x) {
    const mean = Math.exp(x);
    return { mean, slope: mean };
  },
};

const STEPS_MAX = 100;
const HALVINGS_MAX = 30;
const TOLERANCE = 1e-9;

/**
 * Fits a generalised linear model in one variable with the link's canonical family: Platt's logistic one (1999), least squares,
 * or Poisson's. The mean prediction then is the mean target. `prior` weighs as much as one row, which keeps separable rows
 * finite. Rows whose target is NaN do not count. Where the targets fall as `raw` rises the order is kept: the prior answers.
 */
export function calibrate(
  link: Link,
  raw: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: ArrayLike<number> | undefined,
  prior: Calibration,
): Calibration {
  const meanOf = MEANS[link];
  let { slope: a, intercept: b } = prior;
  let before = gradientNorm(a, b);
  for (let step = 0; step < STEPS_MAX && before.norm > TOLERANCE * before.scale; step++) {
    const { ga, gb, haa, hab, hbb } = before;
    const determinant = haa * hbb - hab * hab;
    const da = (hbb * ga - hab * gb) / determinant;
    const db = (haa * gb - hab * ga) / determinant;
    let size = 1;
    let next = gradientNorm(a + da, b + db);
    for (let halving = 0; !(next.norm < before.norm) && halving < HALVINGS_MAX; halving++) {
      size /= 2;
      next = gradientNorm(a + size * da, b + size * db);
    }
    if (!(next.norm < before.norm)) break;
    a += size * da;
    b += size * db;
    before = next;
  }
  return a > 0 ? { slope: a, intercept: b } : prior;

  /** The gradient of the log likelihood and the negative Hessian, at slope `at` and intercept `bt`. */
  function gradientNorm(at: number, bt: number) {
    let [ga, gb, haa, hab, hbb] = [prior.slope - at, prior.intercept - bt, 1, 0, 1];
    let scale = 1;
    for (let row = 0; row < raw.length; row++) {
      const y = targets[row];
      const weight = weights === undefined ? 1 : weights[row];
      if (Number.isNaN(y) || weight === 0) continue;
      const x = raw[row];
      const { mean, slope } = meanOf(at * x + bt);
      ga += weight * (y - mean) * x;
      gb += weight * (y - mean);
      haa += weight * slope * x * x;
      hab += weight * slope * x;
      hbb += weight * slope;
      scale += weight * (Math.abs(y) + 1);
    }
    return { ga, gb, haa, hab, hbb, scale, norm: Math.hypot(ga, gb) };
  }
}
