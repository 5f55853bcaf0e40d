import { Random } from '../random.ts';
import { twoSidedStudentT } from './student-t.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface ResamplingOptions {
  readonly samples: number;
  readonly seed: number;
}

const RESAMPLING: ResamplingOptions = { samples: 2_000, seed: 1 };
const LEVEL = 0.95;

/**
 * 95% interval of the mean of `values` (one a user) by the percentile bootstrap (Efron 1979): the mean over so many samples of
 * as many values, drawn with replacement. NaN for no values.
 */
export function bootstrapInterval(
  values: ArrayLike<number>,
  { samples, seed }: ResamplingOptions = RESAMPLING,
): Interval {
  const random = new Random(seed);
  const { length } = values;
  const means = new Float64Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += values[random.int(length)];
    means[sample] = sum / length;
  }
  means.sort();
  const tail = ((1 - LEVEL) / 2) * (samples - 1);
  return { low: means[Math.floor(tail)], high: means[Math.ceil(samples - 1 - tail)] };
}

/** Two models on the same users. Probabilities are two-sided: of a difference at least as great if the models were alike. */
export interface PairedComparison {
  /** Mean of a − b. */
  readonly difference: number;
  /** 95% interval of the difference, by the bootstrap over users. */
  readonly interval: Interval;
  /** By Fisher's randomisation of the signs, which assumes nothing of the distribution. Never below 1 / (samples + 1). */
  readonly pRandomisation: number;
  /** By Student's paired t. 1 where all differences are 0; 0 where they are equal and not 0. NaN for fewer than two users. */
  readonly pStudent: number;
}

/** Compares a metric of two models, `a[i]` and `b[i]` of the same user (Smucker, Allan, Carterette 2007). */
export function pairedComparison(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: ResamplingOptions = { ...RESAMPLING, samples: 10_000 },
): PairedComparison {
  const differences = Float64Array.from(a, (value, i) => value - b[i]);
  return {
    difference: meanOf(differences),
    interval: bootstrapInterval(differences),
    pRandomisation: randomisationTest(differences, options),
    pStudent: studentTest(differences),
  };
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Rounding must not make a permutation that equals the observed one look smaller. */
const ROUNDING = 1e-12;

function randomisationTest(differences: Float64Array, { samples, seed }: ResamplingOptions): number {
  const random = new Random(seed);
  const nonzero = differences.filter((difference) => difference !== 0);
  const observed = Math.abs(nonzero.reduce((sum, value) => sum + value, 0)) * (1 - ROUNDING);
  let asGreat = 0;
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    let signs = 0;
    for (let i = 0; i < nonzero.length; i++) {
      if ((i & 31) === 0) signs = random.uint32();
      sum += (signs & 1) === 0 ? nonzero[i] : -nonzero[i];
      signs >>>= 1;
    }
    if (Math.abs(sum) >= observed) asGreat++;
  }
  return (asGreat + 1) / (samples + 1);
}

function studentTest(differences: Float64Array): number {
  const { length } = differences;
  if (length < 2) return Number.NaN;
  const mean = meanOf(differences);
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (length - 1);
  if (variance === 0) return mean === 0 ? 1 : 0;
  return twoSidedStudentT(mean / Math.sqrt(variance / length), length - 1);
}
