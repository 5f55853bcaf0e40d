import type { KernelPool } from '../../kernels/kernel-pool.ts';
import type { Random } from '../../random.ts';

/** How one feature is cut into bins. */
export interface FeatureBins {
  /**
   * Ascending. A value is of the first bin whose bound is not below it, or of one more where none is; bounds are float32, so
   * that a comparison of a float32 value with one says the same as its bin.
   */
  readonly bounds: Float32Array;
  /** Whether a value was missing: missing values are of a bin behind those of values. */
  readonly hasMissing: boolean;
}

/** Bins of a feature at most, that of missing values included: a bin is one byte. */
export const BINS_MAX = 255;

/** Rows that say where the bins are, at most. */
const SAMPLE_ROWS_MAX = 200_000;
const BIN_ROWS_MIN = 3;

/**
 * Cuts every column of `features` (row-major, NaN = missing) into at most `binsMax` bins of values and one of missing ones, of
 * about equal size; a frequent value has its own. Few distinct values have a bin each.
 */
export function findBins(
  features: Float32Array,
  width: number,
  binsMax: number,
  random: Random,
): FeatureBins[] {
  const rows = features.length / width;
  const sampled = sampledRows(rows, random);
  const values = new Float32Array(sampled.length);
  return Array.from({ length: width }, (_, column) => {
    let present = 0;
    for (let i = 0; i < sampled.length; i++) {
      const value = features[sampled[i] * width + column];
      if (!Number.isNaN(value)) values[present++] = value;
    }
    let hasMissing = false;
    for (let row = 0; row < rows && !hasMissing; row++)
      hasMissing = Number.isNaN(features[row * width + column]);
    const bounds = boundsOf(values.subarray(0, present).sort(), hasMissing ? binsMax - 1 : binsMax);
    return { bounds, hasMissing };
  });
}

function sampledRows(rows: number, random: Random): Uint32Array {
  const all = Uint32Array.from({ length: rows }, (_, row) => row);
  return rows <= SAMPLE_ROWS_MAX ? all : random.shuffle(all).subarray(0, SAMPLE_ROWS_MAX);
}

/** `sorted`: ascending. */
function boundsOf(sorted: Float32Array, binsMax: number): Float32Array {
  const distinct: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < sorted.length; i++) {
    if (i > 0 && sorted[i] === sorted[i - 1]) counts[counts.length - 1]++;
    else {
      distinct.push(sorted[i]);
      counts.push(1);
    }
  }
  const ends = distinct.length <= binsMax ? endsOfFew(counts) : endsOfMany(counts, sorted.length, binsMax);
  return Float32Array.from(ends, (i) => between(distinct[i], distinct[i + 1]));
}

/** A bin a value, but none of fewer than `BIN_ROWS_MIN` rows. The indices of the values that end a bin, but for the last bin. */
function endsOfFew(counts: readonly number[]): number[] {
  const ends: number[] = [];
  let inBin = 0;
  for (let i = 0; i + 1 < counts.length; i++) {
    inBin += counts[i];
    if (inBin < BIN_ROWS_MIN) continue;
    ends.push(i);
    inBin = 0;
  }
  return ends;
}

/** A bin for each value of at least a mean bin's rows; the other values share the other bins evenly. */
function endsOfMany(counts: readonly number[], total: number, binsMax: number): number[] {
  const frequent = counts.map((count) => count * binsMax >= total);
  let rows = 0;
  let bins = binsMax;
  counts.forEach((count, i) => {
    if (frequent[i]) bins--;
    else rows += count;
  });
  let mean = rows / Math.max(1, bins);
  const ends: number[] = [];
  let inBin = 0;
  for (let i = 0; i + 1 < counts.length && ends.length < binsMax - 1; i++) {
    inBin += counts[i];
    if (!frequent[i]) rows -= counts[i];
    if (!frequent[i] && inBin < mean && !(frequent[i + 1] && 2 * inBin >= mean)) continue;
    ends.push(i);
    inBin = 0;
    if (!frequent[i]) mean = rows / Math.max(1, --bins);
  }
  return ends;
}

/** A float32 from `a` up to, but without, `b`: about the middle. */
function between(a: number, b: number): number {
  const middle = Math.fround((a + b) / 2);
  return middle < b ? middle : a;
}

/** Features as bins, in a pool's memory as the kernel `histograms` takes them. */
export interface BinnedRows {
  readonly rows: number;
  readonly features: readonly FeatureBins[];
  /** Words of four bins: byte j of `words[g × rows + row]` is the bin of feature 4 g + j. */
  readonly words: Int32Array;
}

export function binRows(
  pool: KernelPool,
  values: Float32Array,
  width: number,
  features: readonly FeatureBins[],
): BinnedRows {
  const rows = values.length / width;
  const words = pool.i32(Math.ceil(width / 4) * rows);
  for (let column = 0; column < width; column++) {
    const { bounds } = features[column];
    const missing = bounds.length + 1;
    const shift = 8 * (column & 3);
    const start = (column >> 2) * rows;
    for (let row = 0, at = column; row < rows; row++, at += width) {
      const value = values[at];
      const bin = Number.isNaN(value) ? missing : firstNotBelow(bounds, value);
      words[start + row] |= bin << shift;
    }
  }
  return { rows, features, words };
}

function firstNotBelow(bounds: Float32Array, value: number): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
