/** The regularised incomplete beta function I_x(a, b), a and b > 0: the probability that a Beta(a, b) variable is at most x. */
export function regularisedBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const scale = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  // The fraction converges fast on this side of the mean only.
  return x < (a + 1) / (a + b + 2)
    ? (scale * betaFraction(x, a, b)) / a
    : 1 - (scale * betaFraction(1 - x, b, a)) / b;
}

const STEPS_MAX = 10_000;
const TINY = 1e-300;
const PRECISION = 1e-15;

/** Continued fraction of the incomplete beta function (Abramowitz, Stegun 26.5.8) by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const away = (value: number): number => (Math.abs(value) < TINY ? TINY : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= STEPS_MAX; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let factor = 1;
    for (const coefficient of [even, odd]) {
      d = 1 / away(1 + coefficient * d);
      c = away(1 + coefficient / c);
      factor = c * d;
      fraction *= factor;
    }
    if (Math.abs(factor - 1) < PRECISION) break;
  }
  return fraction;
}

/** Stirling's series, shifted to arguments where its first terms are exact to double precision. */
function logGamma(x: number): number {
  let shift = 0;
  for (; x < 15; x++) shift -= Math.log(x);
  const inverse = 1 / (x * x);
  const series =
    (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}
