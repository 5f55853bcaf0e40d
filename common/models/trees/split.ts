import type { FeatureBins } from './bins.ts';

/** Bounds on what a split may leave on either side. */
export interface SplitOptions {
  /** Rows of a leaf at least. */
  readonly minRows: number;
  /** Sum of second derivatives of a leaf at least. */
  readonly minHessian: number;
  /** Added to the second derivatives of a leaf: the weight of ½ l2 Σ value². */
  readonly l2: number;
}

/** First and second derivatives in a set of rows, as fixed-point numbers, and their count. */
export interface Sums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

/** The real numbers that 1 stands for in `Sums`. */
export interface Units {
  readonly gradient: number;
  readonly hessian: number;
}

export interface Split {
  readonly feature: number;
  /** Bins up to this one go left. */
  readonly bin: number;
  readonly missingLeft: boolean;
  /** Decrease of twice the loss's quadratic approximation. */
  readonly gain: number;
  readonly left: Sums;
}

/** Bins of a histogram; one bin is four integers: gradient, hessian, rows, nothing. */
export const HISTOGRAM_BINS = 256;
export const BIN_WORDS = 4;

/** Gains below this share of the parent's term are rounding. */
const SMALLEST_RELATIVE_GAIN = 1e-9;

/** Finds splits in histograms. One per fit; it holds what does not change from leaf to leaf. */
export class SplitFinder {
  readonly #features: readonly FeatureBins[];
  readonly #options: SplitOptions;
  #units: Units = { gradient: 1, hessian: 1 };
  #parent: Sums = { gradient: 0, hessian: 0, rows: 0 };
  #bestGain = 0;
  #bestBin = -1;
  #bestMissingLeft = false;
  #bestGradient = 0;
  #bestHessian = 0;
  #bestRows = 0;

  constructor(features: readonly FeatureBins[], options: SplitOptions) {
    this.#features = features;
    this.#options = options;
  }

  /** A sum's term in the gain: gradient² / (hessian + l2), in real numbers. */
  #term(gradient: number, hessian: number): number {
    const g = gradient * this.#units.gradient;
    return (g * g) / (hessian * this.#units.hessian + this.#options.l2);
  }

  /** The best split of a leaf over `candidates`, or undefined where none gains. `histograms`: [features, 256] bins. */
  best(histograms: Int32Array, candidates: Uint32Array, parent: Sums, units: Units): Split | undefined {
    const { minRows } = this.#options;
    if (parent.rows < 2 * minRows) return undefined;
    this.#units = units;
    this.#parent = parent;
    const parentTerm = this.#term(parent.gradient, parent.hessian);
    const floor = parentTerm * (1 + SMALLEST_RELATIVE_GAIN);
    this.#bestGain = floor;
    let bestFeature = -1;
    for (let i = 0; i < candidates.length; i++) {
      const feature = candidates[i];
      const before = this.#bestGain;
      this.#scanFeature(histograms, feature);
      if (this.#bestGain > before) bestFeature = feature;
    }
    if (bestFeature < 0) return undefined;
    return {
      feature: bestFeature,
      bin: this.#bestBin,
      missingLeft: this.#bestMissingLeft,
      gain: this.#bestGain - parentTerm,
      left: { gradient: this.#bestGradient, hessian: this.#bestHessian, rows: this.#bestRows },
    };
  }

  #scanFeature(histograms: Int32Array, feature: number): void {
    const { bounds, hasMissing } = this.#features[feature];
    const start = feature * HISTOGRAM_BINS * BIN_WORDS;
    const last = bounds.length;
    const missing = start + (last + 1) * BIN_WORDS;
    const missingRows = hasMissing ? histograms[missing + 2] : 0;
    if (missingRows === 0) {
      this.#scan(histograms, start, last, 0, 0, 0, false);
      return;
    }
    this.#scan(histograms, start, last + 1, 0, 0, 0, false);
    const [gradient, hessian] = [histograms[missing], histograms[missing + 1]];
    this.#scan(histograms, start, last, gradient, hessian, missingRows, true);
  }

  /** Tries to end the left side behind each of `ends` bins; it begins with the given sums. */
  #scan(
    histograms: Int32Array,
    start: number,
    ends: number,
    gradient: number,
    hessian: number,
    rows: number,
    missingLeft: boolean,
  ): void {
    const { minRows, minHessian, l2 } = this.#options;
    const parent = this.#parent;
    const gradientUnit = this.#units.gradient;
    const hessianUnit = this.#units.hessian;
    const rowsMax = parent.rows - minRows;
    let best = this.#bestGain;
    for (let bin = 0, at = start; bin < ends; bin++, at += BIN_WORDS) {
      const inBin = histograms[at + 2];
      if (inBin === 0) continue;
      gradient += histograms[at];
      hessian += histograms[at + 1];
      rows += inBin;
      if (rows < minRows) continue;
      if (rows > rowsMax) break;
      const leftHessian = hessian * hessianUnit;
      const rightHessian = (parent.hessian - hessian) * hessianUnit;
      if (leftHessian < minHessian) continue;
      if (rightHessian < minHessian) break;
      const left = gradient * gradientUnit;
      const right = (parent.gradient - gradient) * gradientUnit;
      const gain = (left * left) / (leftHessian + l2) + (right * right) / (rightHessian + l2);
      if (!(gain > best)) continue;
      best = gain;
      this.#bestBin = bin;
      this.#bestMissingLeft = missingLeft;
      this.#bestGradient = gradient;
      this.#bestHessian = hessian;
      this.#bestRows = rows;
    }
    this.#bestGain = best;
  }
}
