/** The standard normal distribution's cumulative probability, to 1e-7 (Abramowitz & Stegun 26.2.17). */
export function normalCumulative(z: number): number {
  const x = Math.abs(z);
  if (x > 8) return z > 0 ? 1 : 0;
  const t = 1 / (1 + 0.2316419 * x);
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const upper = 0.3989422804014327 * Math.exp(-0.5 * x * x) * series;
  return z > 0 ? 1 - upper : upper;
}
