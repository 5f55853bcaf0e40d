import type { KernelPool } from '../../kernels/kernel-pool.ts';
import type { BinnedRows } from './bins.ts';
import type { RegressionTree } from './regression-tree.ts';
import {
  BIN_WORDS,
  HISTOGRAM_BINS,
  type Split,
  SplitFinder,
  type SplitOptions,
  type Sums,
  type Units,
} from './split.ts';

export interface GrowthOptions extends SplitOptions {
  /** Leaves of a tree at most. */
  readonly leaves: number;
  /** Multiplies every leaf's value. */
  readonly learningRate: number;
}

/** A tree that is growing: one of its leaves. */
interface Leaf {
  readonly node: number;
  /** Its rows are those of the order from `start` up to `end`. */
  readonly start: number;
  readonly end: number;
  readonly sums: Sums;
  readonly histogram: Int32Array;
  readonly split: Split | undefined;
}

/** Sum of magnitudes that a histogram's integers may reach. */
const FIXED_POINT_MAX = 2 ** 30;

/**
 * Grows regression trees on first and second derivatives, leaf by leaf where the gain is largest (Ke et al., NeurIPS 2017), by
 * histograms: the smaller child's is counted, its sibling's is what is left of the parent's. Histograms hold fixed-point sums,
 * exact whatever the order of rows, of derivatives rounded to 2⁻³⁰ of their total; a leaf's value, −gradient / (hessian + l2) ·
 * rate, is of the derivatives themselves.
 */
export class TreeGrower {
  readonly #pool: KernelPool;
  readonly #binned: BinnedRows;
  readonly #options: GrowthOptions;
  readonly #finder: SplitFinder;
  /** Rows of the tree, leaf by leaf. */
  readonly #order: Int32Array;
  readonly #spare: Int32Array;
  /** Four integers a row of the leaf whose histogram is being counted. */
  readonly #terms: Int32Array;
  readonly #fixed: Int32Array;
  readonly #histograms: Int32Array[] = [];
  #units: Units = { gradient: 1, hessian: 1 };

  constructor(pool: KernelPool, binned: BinnedRows, options: GrowthOptions) {
    const { rows } = binned;
    this.#pool = pool;
    this.#binned = binned;
    this.#options = options;
    this.#finder = new SplitFinder(binned.features, options);
    this.#order = pool.i32(rows);
    this.#spare = new Int32Array(rows + 1);
    this.#terms = pool.i32(rows * BIN_WORDS);
    this.#fixed = new Int32Array(rows * 2);
  }

  /**
   * Grows one tree on `sample`d rows by the features `candidates`, and adds its value for each of them to `scores`. `derivatives`:
   * first and second of each row, interleaved; second ones are ≥ 0.
   */
  grow(
    derivatives: Float32Array,
    sample: Uint32Array,
    candidates: Uint32Array,
    scores: Float64Array,
  ): RegressionTree {
    const free = this.#histograms.slice();
    this.#order.set(sample);
    const nodes = new Nodes();
    const rootSums = this.#quantise(derivatives, sample);
    const rootHistogram = this.#take(free);
    this.#count(0, sample.length, rootHistogram, 0);
    const whole = { start: 0, end: sample.length, sums: rootSums };
    const leaves: Leaf[] = [this.#leaf(nodes.add(), whole, rootHistogram, candidates)];
    while (leaves.length < this.#options.leaves) {
      const at = indexOfBest(leaves);
      if (at < 0) break;
      const [left, right] = this.#divide(leaves[at], nodes, free, candidates);
      leaves[at] = left;
      leaves.push(right);
    }
    for (const leaf of leaves) {
      const value = Math.fround(this.#value(derivatives, leaf));
      nodes.value[leaf.node] = value;
      for (let i = leaf.start; i < leaf.end; i++) scores[this.#order[i]] += value;
    }
    return nodes.finish();
  }

  #leaf(
    node: number,
    { start, end, sums }: { start: number; end: number; sums: Sums },
    histogram: Int32Array,
    candidates: Uint32Array,
  ): Leaf {
    return {
      node,
      start,
      end,
      sums,
      histogram,
      split: this.#finder.best(histogram, candidates, sums, this.#units),
    };
  }

  #divide(leaf: Leaf, nodes: Nodes, free: Int32Array[], candidates: Uint32Array): [Leaf, Leaf] {
    const { start, end, sums, histogram } = leaf;
    const split = leaf.split as Split;
    const middle = this.#partition(start, end, split);
    const leftHeavier = 2 * split.left.rows > sums.rows;
    const { bounds, hasMissing } = this.#binned.features[split.feature];
    const threshold = split.bin < bounds.length ? bounds[split.bin] : LARGEST_FLOAT32;
    const missingLeft = hasMissing ? split.missingLeft : leftHeavier;
    const [left, right] = nodes.branch(leaf.node, split.feature, threshold, missingLeft);
    const leftPart = { start, end: middle, sums: split.left };
    const rightPart = { start: middle, end, sums: difference(sums, split.left) };
    const other = this.#take(free);
    const smaller = leftHeavier ? rightPart : leftPart;
    this.#count(smaller.start, smaller.end, other, histogram.byteOffset);
    return [
      this.#leaf(left, leftPart, leftHeavier ? histogram : other, candidates),
      this.#leaf(right, rightPart, leftHeavier ? other : histogram, candidates),
    ];
  }

  #take(free: Int32Array[]): Int32Array {
    const known = free.pop();
    if (known !== undefined) return known;
    const groups = Math.ceil(this.#binned.features.length / 4);
    const histogram = this.#pool.i32(groups * 4 * HISTOGRAM_BINS * BIN_WORDS);
    this.#histograms.push(histogram);
    return histogram;
  }

  /** Rounds the derivatives of `sample` to integers and adds them up. */
  #quantise(derivatives: Float32Array, sample: Uint32Array): Sums {
    let gradients = 0;
    let hessians = 0;
    for (let i = 0; i < sample.length; i++) {
      gradients += Math.abs(derivatives[2 * sample[i]]);
      hessians += derivatives[2 * sample[i] + 1];
    }
    const gradientScale = gradients > 0 ? FIXED_POINT_MAX / gradients : 1;
    const hessianScale = hessians > 0 ? FIXED_POINT_MAX / hessians : 1;
    this.#units = { gradient: 1 / gradientScale, hessian: 1 / hessianScale };
    const fixed = this.#fixed;
    let gradient = 0;
    let hessian = 0;
    for (let i = 0; i < sample.length; i++) {
      const at = 2 * sample[i];
      gradient += fixed[at] = Math.round(derivatives[at] * gradientScale);
      hessian += fixed[at + 1] = Math.round(derivatives[at + 1] * hessianScale);
    }
    return { gradient, hessian, rows: sample.length };
  }

  /** Fills `histogram`; what remains in that at `whole`, unless it is 0, is the other rows' there. */
  #count(start: number, end: number, histogram: Int32Array, whole: number): void {
    const [order, terms, fixed] = [this.#order, this.#terms, this.#fixed];
    for (let i = start, to = 0; i < end; i++, to += BIN_WORDS) {
      const at = 2 * order[i];
      terms[to] = fixed[at];
      terms[to + 1] = fixed[at + 1];
      terms[to + 2] = 1;
    }
    const { words, rows, features } = this.#binned;
    this.#pool.run('histograms', [
      words.byteOffset,
      rows,
      Math.ceil(features.length / 4),
      order.byteOffset + 4 * start,
      end - start,
      terms.byteOffset,
      histogram.byteOffset,
      whole,
    ]);
  }

  /** Puts the rows that go left before those that go right, both in their order; where the right ones begin. */
  #partition(start: number, end: number, { feature, bin, missingLeft }: Split): number {
    const { words, rows, features } = this.#binned;
    const [order, spare] = [this.#order, this.#spare];
    const base = (feature >> 2) * rows;
    const shift = 8 * (feature & 3);
    const missing = missingLeft ? features[feature].bounds.length + 1 : NO_BIN;
    let left = start;
    let right = 0;
    for (let i = start; i < end; i++) {
      const row = order[i];
      const at = (words[base + row] >>> shift) & 255;
      // 1 where the row goes left, without a branch that half the rows would mispredict.
      const goesLeft = ((at - bin - 1) | ((at ^ missing) - 1)) >>> 31;
      order[left] = row;
      spare[right] = row;
      left += goesLeft;
      right += 1 - goesLeft;
    }
    for (let i = 0; i < right; i++) order[left + i] = spare[i];
    return left;
  }

  #value(derivatives: Float32Array, { start, end }: Leaf): number {
    let gradient = 0;
    let hessian = this.#options.l2;
    for (let i = start; i < end; i++) {
      const at = 2 * this.#order[i];
      gradient += derivatives[at];
      hessian += derivatives[at + 1];
    }
    return hessian > 0 ? (-gradient / hessian) * this.#options.learningRate : 0;
  }
}

/** No row's. */
const NO_BIN = 256;
const LARGEST_FLOAT32 = 3.4028234663852886e38;

function difference(whole: Sums, part: Sums): Sums {
  return {
    gradient: whole.gradient - part.gradient,
    hessian: whole.hessian - part.hessian,
    rows: whole.rows - part.rows,
  };
}

function indexOfBest(leaves: readonly Leaf[]): number {
  let best = -1;
  let bestGain = 0;
  leaves.forEach(({ split }, i) => {
    if (split === undefined || split.gain <= bestGain) return;
    best = i;
    bestGain = split.gain;
  });
  return best;
}

/** The nodes of a tree as they come. */
class Nodes {
  readonly value: number[] = [];
  readonly #feature: number[] = [];
  readonly #threshold: number[] = [];
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #missingLeft: number[] = [];

  /** Adds a leaf; its number. */
  add(): number {
    this.#feature.push(-1);
    for (const column of [this.#threshold, this.#left, this.#right, this.#missingLeft, this.value])
      column.push(0);
    return this.#feature.length - 1;
  }

  /** Makes a leaf a branch; the numbers of its new leaves. */
  branch(node: number, feature: number, threshold: number, missingLeft: boolean): [number, number] {
    const left = this.add();
    const right = this.add();
    this.#feature[node] = feature;
    this.#threshold[node] = threshold;
    this.#left[node] = left;
    this.#right[node] = right;
    this.#missingLeft[node] = Number(missingLeft);
    return [left, right];
  }

  finish(): RegressionTree {
    return {
      feature: Int32Array.from(this.#feature),
      threshold: Float32Array.from(this.#threshold),
      left: Int32Array.from(this.#left),
      right: Int32Array.from(this.#right),
      missingLeft: Uint8Array.from(this.#missingLeft),
      value: Float32Array.from(this.value),
    };
  }
}
