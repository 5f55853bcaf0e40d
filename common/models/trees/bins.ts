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

/** Rows that say where the bins are, at most: of 255 equal bins each is then right to a fifteenth. */
const SAMPLE_ROWS_MAX = 50_000;
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
  const sampled = sampledRows(features.length / width, random);
  const present = new Uint32Array(width);
  const values = new Float32Array(width * sampled.length);
  for (const row of sampled) {
    for (let column = 0, at = row * width; column < width; column++, at++) {
      const value = features[at];
      if (!Number.isNaN(value)) values[column * sampled.length + present[column]++] = value;
    }
  }
  const missing = columnsWithMissing(features, width);
  return Array.from({ length: width }, (_, column) => {
    const start = column * sampled.length;
    const sorted = values.subarray(start, start + present[column]).sort();
    const hasMissing = missing[column] === 1;
    return { bounds: boundsOf(sorted, hasMissing ? binsMax - 1 : binsMax), hasMissing };
  });
}

function columnsWithMissing(features: Float32Array, width: number): Uint8Array {
  const missing = new Uint8Array(width);
  for (let at = 0, column = 0; at < features.length; at++) {
    if (Number.isNaN(features[at])) missing[column] = 1;
    if (++column === width) column = 0;
  }
  return missing;
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

/** Bins `columns` of the row-major `values`, which become features 0, 1, … of the result. */
export function binRows(
  pool: KernelPool,
  values: Float32Array,
  width: number,
  bins: readonly FeatureBins[],
  columns: Uint32Array,
): BinnedRows {
  const rows = values.length / width;
  const words = pool.i32(Math.ceil(columns.length / 4) * rows);
  const features = Array.from(columns, (column) => bins[column]);
  const searches = features.map(({ bounds }) => new BoundSearch(bounds));
  for (let from = 0; from < rows; from += BLOCK_ROWS) {
    const end = Math.min(rows, from + BLOCK_ROWS);
    for (let feature = 0; feature < columns.length; feature++) {
      const cells = { values, width, column: columns[feature] };
      binBlock(cells, feature, searches[feature], from, end, words, rows);
    }
  }
  return { rows, features, words };
}

/** Rows of all columns that stay in the cache. */
const BLOCK_ROWS = 256;

function binBlock(
  { values, width, column }: { values: Float32Array; width: number; column: number },
  feature: number,
  search: BoundSearch,
  from: number,
  end: number,
  words: Int32Array,
  rows: number,
): void {
  const missing = search.missingBin;
  const shift = 8 * (feature & 3);
  const start = (feature >> 2) * rows;
  for (let row = from, at = from * width + column; row < end; row++, at += width) {
    const value = values[at];
    const bin = Number.isNaN(value) ? missing : search.firstNotBelow(value);
    words[start + row] |= bin << shift;
  }
}

/** Cells of equal width that say about where among the bounds a value is. */
const SEARCH_CELLS = 1024;

/** Search among ascending bounds. */
class BoundSearch {
  readonly missingBin: number;
  readonly #bounds: Float32Array;
  readonly #lowest: number;
  readonly #scale: number;
  /** Of each cell: how many bounds are in cells before it. */
  readonly #before = new Uint16Array(SEARCH_CELLS + 1);

  constructor(bounds: Float32Array) {
    this.missingBin = bounds.length + 1;
    this.#bounds = bounds;
    this.#lowest = bounds[0] ?? 0;
    const range = (bounds.at(-1) ?? 0) - this.#lowest;
    this.#scale = range > 0 ? (SEARCH_CELLS - 1) / range : 0;
    for (const bound of bounds) this.#before[this.#cell(bound) + 1]++;
    for (let cell = 0; cell < SEARCH_CELLS; cell++) this.#before[cell + 1] += this.#before[cell];
  }

  /** The number of bounds below a value. */
  firstNotBelow(value: number): number {
    const cell = this.#cell(value);
    let low = this.#before[cell];
    let high = this.#before[cell + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#bounds[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Rises with the value. */
  #cell(value: number): number {
    const at = (value - this.#lowest) * this.#scale;
    return at <= 0 ? 0 : at >= SEARCH_CELLS - 1 ? SEARCH_CELLS - 1 : at | 0;
  }
}
