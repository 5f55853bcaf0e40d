/**
 * The δ of the continuous Gaussian mechanism at ε: Φ(Δ/2σ − εσ/Δ) − e^ε Φ(−Δ/2σ − εσ/Δ), exact (Balle, Wang, "Improving the Gaussian
 * Mechanism for Differential Privacy", ICML 2018, theorem 8).
 */
export function gaussianDelta(sigma: number, sensitivity: number, epsilon: number): number {
  const half = sensitivity / (2 * sigma);
  const shift = (epsilon * sigma) / sensitivity;
  const [near, far] = [half - shift, half + shift];
  if (near >= 0) return normalTail(-near) - Math.exp(epsilon) * normalTail(far);
  const density = 0.5 * Math.exp((-near * near) / 2);
  return density === 0 ? 0 : density * (scaledErfc(-near * Math.SQRT1_2) - scaledErfc(far * Math.SQRT1_2));
}

/** The least σ at which the Gaussian mechanism is (ε, δ)-private, to 1e-12 relative and never below it. */
export function analyticGaussianSigma(epsilon: number, delta: number, sensitivity: number): number {
  let high = sensitivity;
  while (gaussianDelta(high, sensitivity, epsilon) > delta) high *= 2;
  let low = high / 2;
  while (gaussianDelta(low, sensitivity, epsilon) <= delta) low /= 2;
  while (high - low > 1e-13 * high) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (gaussianDelta(middle, sensitivity, epsilon) > delta) low = middle;
    else high = middle;
  }
  return high;
}

/** P(N(0, 1) > x). */
function normalTail(x: number): number {
  if (x < 0) return 1 - normalTail(-x);
  return 0.5 * Math.exp((-x * x) / 2) * scaledErfc(x * Math.SQRT1_2);
}

/** exp(x²) · erfc(x) for x ≥ 0: the series of erf below 2, the continued fraction (Abramowitz, Stegun 7.1.14) above. */
function scaledErfc(x: number): number {
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; term > 1e-18 * sum; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return Math.exp(x * x) - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = x;
  for (let n = 120; n >= 1; n--) fraction = x + n / 2 / fraction;
  return 1 / (fraction * Math.sqrt(Math.PI));
}
