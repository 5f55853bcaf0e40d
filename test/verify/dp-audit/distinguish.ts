import { regularisedBeta } from '../../../common/metrics/incomplete-beta.ts';

/** Two neighbouring data sets under one mechanism: `draw` answers a number about the first (0) or the second (1). */
export interface Pair {
  readonly name: string;
  readonly epsilon: number;
  readonly delta: number;
  draw(side: 0 | 1): number;
}

/** What tells the sides apart: values at least, or at most, a threshold, which are likelier on `side`. */
interface Event {
  readonly side: 0 | 1;
  readonly sign: 1 | -1;
  readonly threshold: number;
}

const CONFIDENCE = 0.999;
const THRESHOLDS = 400;

/**
 * A lower bound on ε at 99.9% confidence from `runs` a side, by the event that separate runs, as many, tell the sides apart by best:
 * ln((p − δ) / q), p and q at the ends of their Clopper–Pearson intervals.
 */
export function epsilonAtLeast(pair: Pair, runs: number): number {
  const event = chosenEvent(sorted(pair, 0, runs), sorted(pair, 1, runs), pair.delta);
  const counts = ([0, 1] as const).map((side) => {
    let count = 0;
    for (let i = 0; i < runs; i++) if (event.sign * pair.draw(side) >= event.sign * event.threshold) count++;
    return count;
  });
  const [likely, unlikely] = event.side === 0 ? counts : counts.toReversed();
  const error = (1 - CONFIDENCE) / 2;
  const [p, q] = [lowerBound(likely, runs, error), upperBound(unlikely, runs, error)];
  return p <= pair.delta ? 0 : Math.max(0, Math.log((p - pair.delta) / q));
}

function sorted(pair: Pair, side: 0 | 1, runs: number): Float64Array {
  return Float64Array.from({ length: runs }, () => pair.draw(side)).sort();
}

function chosenEvent(here: Float64Array, there: Float64Array, delta: number): Event {
  let best: Event & { score: number } = { side: 0, sign: 1, threshold: 0, score: Number.NEGATIVE_INFINITY };
  const step = Math.max(1, Math.floor(here.length / THRESHOLDS));
  const thresholds = new Set(
    [here, there].flatMap((values) => [...extremes(values), ...everyNth(values, step)]),
  );
  for (const threshold of thresholds) {
    for (const sign of [1, -1] as const) {
      const counts = [here, there].map((values) => countOf(values, sign, threshold));
      for (const side of [0, 1] as const) {
        const score = roughBound(counts[side], counts[1 - side], here.length, delta);
        if (score > best.score) best = { side, sign, threshold, score };
      }
    }
  }
  return best;
}

function extremes(values: Float64Array): number[] {
  return [values[0], values[values.length - 1]];
}

function everyNth(values: Float64Array, step: number): number[] {
  return Array.from({ length: Math.floor(values.length / step) }, (_, i) => values[i * step]);
}

/** Values of a sorted array that are at least (1) or at most (−1) a threshold. */
function countOf(values: Float64Array, sign: 1 | -1, threshold: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sign === 1 ? values[middle] < threshold : values[middle] <= threshold) low = middle + 1;
    else high = middle;
  }
  return sign === 1 ? values.length - low : low;
}

/** The bound by normal approximations, to choose by. */
function roughBound(likely: number, unlikely: number, runs: number, delta: number): number {
  const p = (likely - 3.3 * Math.sqrt(likely)) / runs - delta;
  const q = (unlikely + 3.3 * Math.sqrt(unlikely) + 8) / runs;
  return p <= 0 ? Number.NEGATIVE_INFINITY : Math.log(p / q);
}

/** Clopper and Pearson 1934. */
function lowerBound(count: number, runs: number, error: number): number {
  return count === 0 ? 0 : betaQuantile(error, count, runs - count + 1);
}

function upperBound(count: number, runs: number, error: number): number {
  return count === runs ? 1 : betaQuantile(1 - error, count + 1, runs - count);
}

function betaQuantile(probability: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (regularisedBeta(middle, a, b) < probability) low = middle;
    else high = middle;
  }
  return high;
}
