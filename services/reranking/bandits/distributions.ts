/**
 * Distributions over arms, as Vowpal Wabbit defines them (`explore.h`): each is written in place into `pdf`, one value an arm.
 */

/** 1 - epsilon for `top` and epsilon evenly for all. A `top` past the end is the last arm. Throws RangeError if there is no arm. */
export function epsilonGreedy(top: number, epsilon: number, pdf: Float64Array): void {
  const count = pdf.length;
  if (count === 0) throw new RangeError('no arm to choose from');
  pdf.fill(epsilon / count);
  pdf[Math.min(top, count - 1)] += 1 - epsilon;
}

/** Proportional to exp(lambda * score). */
export function softmax(scores: ArrayLike<number>, lambda: number, pdf: Float64Array): void {
  let highest = Number.NEGATIVE_INFINITY;
  for (let arm = 0; arm < pdf.length; arm++) highest = Math.max(highest, lambda * scores[arm]);
  for (let arm = 0; arm < pdf.length; arm++) pdf[arm] = Math.exp(lambda * scores[arm] - highest);
  normalise(pdf);
}

/** The share of votes of each arm; all for the first arm where nobody voted. */
export function bag(votes: ArrayLike<number>, pdf: Float64Array): void {
  for (let arm = 0; arm < pdf.length; arm++) pdf[arm] = votes[arm] ?? 0;
  normalise(pdf);
}

/** Scales weights to sum to 1: negative ones count 0; where nothing is left the first arm has all. */
export function normalise(pdf: Float64Array): void {
  let sum = 0;
  for (let arm = 0; arm < pdf.length; arm++) {
    if (pdf[arm] < 0) pdf[arm] = 0;
    sum += pdf[arm];
  }
  if (sum > 0) for (let arm = 0; arm < pdf.length; arm++) pdf[arm] /= sum;
  else if (pdf.length > 0) pdf[0] = 1;
}

/** Mixes with the uniform distribution, which gets `amount`. */
export function mixWithUniform(pdf: Float64Array, amount: number): void {
  for (let arm = 0; arm < pdf.length; arm++) pdf[arm] = pdf[arm] * (1 - amount) + amount / pdf.length;
}

/**
 * Raises every arm's probability to at least `amount` / n, n being the arms that count, and takes what that costs from the others in
 * proportion to what they have. `includeZeros`: arms of probability 0 count too; else they stay at 0. An `amount` of 1 makes it
 * uniform. A distribution of zeros becomes uniform where zeros count, and stays as it is where they do not.
 */
export function enforceMinimumProbability(pdf: Float64Array, amount: number, includeZeros: boolean): void {
  let counted = 0;
  for (const probability of pdf) if (includeZeros || probability > 0) counted++;
  if (counted === 0) return;
  const least = Math.min(1, amount) / counted;
  const raised = (probability: number): boolean =>
    (includeZeros || probability > 0) && probability <= least * (1 + 1e-12);
  let low = 0;
  let high = 0;
  for (const probability of pdf) {
    if (raised(probability)) low++;
    else high += probability;
  }
  if (low === counted || amount >= 1) {
    for (let arm = 0; arm < pdf.length; arm++) if (includeZeros || pdf[arm] > 0) pdf[arm] = 1 / counted;
    return;
  }
  const scale = (1 - low * least) / high;
  let again = false;
  for (let arm = 0; arm < pdf.length; arm++) {
    if (raised(pdf[arm])) pdf[arm] = least;
    else {
      pdf[arm] *= scale;
      again ||= includeZeros || pdf[arm] > 0 ? pdf[arm] < least * (1 - 1e-12) : false;
    }
  }
  if (again) enforceMinimumProbability(pdf, amount, includeZeros);
}

/** The arm at the point `u`, in [0, 1), of the distribution; never one of probability 0. */
export function armAt(pdf: Float64Array, u: number): number {
  let left = u;
  let last = 0;
  for (let arm = 0; arm < pdf.length; arm++) {
    if (pdf[arm] === 0) continue;
    last = arm;
    left -= pdf[arm];
    if (left < 0) return arm;
  }
  return last;
}
