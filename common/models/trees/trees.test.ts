import { describe, expect, it } from 'vitest';
import { KernelPool } from '../../kernels/kernel-pool.ts';
import { Random } from '../../random.ts';
import { binRows, findBins } from './bins.ts';
import { LambdaGradients } from './lambda-gradients.ts';
import { valueAt } from './regression-tree.ts';
import { TreeGrower } from './tree-grower.ts';

/** The bin of a value, by the words. */
function binOf({ words, rows }: { words: Int32Array; rows: number }, column: number, row: number): number {
  return (words[(column >> 2) * rows + row] >>> (8 * (column & 3))) & 255;
}

describe('bins', () => {
  it('hold a value exactly where its comparison with the bounds says so', () => {
    const random = new Random(4);
    const width = 6;
    const features = new Float32Array(3000 * width);
    for (let row = 0; row < 3000; row++) {
      const skewed = random.next() < 0.6 ? 0 : random.normal();
      const gone = random.next() < 0.1;
      const close = 1 + random.int(3) * 2 ** -23;
      const few = [-1e30, -0, 0.5, 1e30][random.int(4)];
      features.set(
        [random.normal(), skewed, gone ? Number.NaN : random.normal(), 3, close, few],
        row * width,
      );
    }
    const bins = findBins(features, width, 255, random);
    const binned = binRows(new KernelPool(), features, width, bins, Uint32Array.from(bins.keys()));
    bins.forEach(({ bounds, hasMissing }, column) => {
      expect(hasMissing).toBe(column === 2);
      expect(bounds.length + 1 + Number(hasMissing)).toBeLessThanOrEqual(255);
      const counts = new Map<number, number>();
      for (let row = 0; row < 3000; row++) {
        const value = features[row * width + column];
        const bin = binOf(binned, column, row);
        counts.set(bin, (counts.get(bin) ?? 0) + 1);
        const below = bounds.findIndex((bound) => value <= bound);
        const ofValue = below < 0 ? bounds.length : below;
        const expected = Number.isNaN(value) ? bounds.length + 1 : ofValue;
        if (bin !== expected) expect(bin, `${value} in column ${column}`).toBe(expected);
      }
      if (column === 0) expect(Math.max(...counts.values())).toBeLessThanOrEqual(24);
      if (column === 1) expect(counts.size).toBeGreaterThan(200);
    });
    expect(bins.map(({ bounds }) => bounds.length).slice(3)).toEqual([0, 2, 3]);
  });
});

/** Best gain of a first split on raw values, by trying all. */
function bestSplit(
  features: Float32Array,
  width: number,
  derivatives: Float32Array,
  { minRows, l2 }: { minRows: number; l2: number },
) {
  const rows = features.length / width;
  const term = (of: number[]) => {
    const g = of.reduce((sum, row) => sum + derivatives[2 * row], 0);
    return g ** 2 / (of.reduce((sum, row) => sum + derivatives[2 * row + 1], 0) + l2);
  };
  const all = Array.from({ length: rows }, (_, row) => row);
  let best = { gain: 0, feature: -1, left: 0 };
  for (let feature = 0; feature < width; feature++) {
    const value = (row: number) => features[row * width + feature];
    for (const threshold of [...new Set(all.map(value)), Number.MAX_VALUE]) {
      for (const missingLeft of [false, true]) {
        const goesLeft = (row: number) => (Number.isNaN(value(row)) ? missingLeft : value(row) <= threshold);
        const left = all.filter(goesLeft);
        const right = all.filter((row) => !goesLeft(row));
        if (left.length < minRows || right.length < minRows) continue;
        const gain = term(left) + term(right) - term(all);
        if (gain > best.gain) best = { gain, feature, left: left.length };
      }
    }
  }
  return best;
}

describe('a tree', () => {
  const random = new Random(8);
  const width = 5;
  const rows = 120;
  const options = { leaves: 2, learningRate: 1, minRows: 4, minHessian: 0, l2: 0.5 };
  const world = (missing: number) => {
    const features = Float32Array.from({ length: rows * width }, () =>
      random.next() < missing ? Number.NaN : random.int(6) / 8,
    );
    const derivatives = Float32Array.from({ length: 2 * rows }, (_, i) =>
      i % 2 === 0 ? random.normal() : 0.1 + random.next(),
    );
    return { features, derivatives };
  };
  const grow = (features: Float32Array, derivatives: Float32Array, changed: Partial<typeof options> = {}) => {
    const pool = new KernelPool();
    const bins = findBins(features, width, 255, random);
    const grower = new TreeGrower(pool, binRows(pool, features, width, bins, Uint32Array.from(bins.keys())), {
      ...options,
      ...changed,
    });
    const scores = new Float64Array(rows);
    const all = Uint32Array.from({ length: rows }, (_, row) => row);
    const tree = grower.grow(derivatives, all, Uint32Array.of(0, 1, 2, 3, 4), scores);
    return { tree, scores };
  };

  it.each([0, 0.2, 0.5])('splits first where the gain is largest, %d of the values missing', (missing) => {
    for (let repeat = 0; repeat < 5; repeat++) {
      const { features, derivatives } = world(missing);
      const { tree } = grow(features, derivatives);
      const best = bestSplit(features, width, derivatives, options);
      const values = Array.from({ length: rows }, (_, row) => valueAt(tree, features, row * width));
      const left = values.filter((value) => value === tree.value[tree.left[0]]).length;
      const smaller = (count: number) => Math.min(count, rows - count);
      expect([tree.feature[0], smaller(left)]).toEqual([best.feature, smaller(best.left)]);
    }
  });

  it('gives each leaf the Newton step of its rows, and the rows their leaf', () => {
    const { features, derivatives } = world(0.2);
    const { tree, scores } = grow(features, derivatives, { leaves: 9, learningRate: 0.3 });
    const sums = new Map<number, [number, number]>();
    for (let row = 0; row < rows; row++) {
      const value = valueAt(tree, features, row * width);
      expect(scores[row]).toBe(value);
      const [g, h] = sums.get(value) ?? [0, options.l2];
      sums.set(value, [g + derivatives[2 * row], h + derivatives[2 * row + 1]]);
    }
    expect(sums.size).toBe(9);
    for (const [value, [g, h]] of sums) expect(value).toBeCloseTo((-0.3 * g) / h, 6);
  });

  it('keeps the least rows and second derivatives of a leaf', () => {
    const { features, derivatives } = world(0.1);
    const { scores } = grow(features, derivatives, { leaves: 40, minRows: 11, minHessian: 9 });
    const leaves = new Map<number, number[]>();
    scores.forEach((score, row) => {
      leaves.set(score, [...(leaves.get(score) ?? []), row]);
    });
    expect(leaves.size).toBeGreaterThan(3);
    for (const members of leaves.values()) {
      expect(members.length).toBeGreaterThanOrEqual(11);
      const hessian = members.reduce((sum, row) => sum + derivatives[2 * row + 1], 0);
      expect(hessian).toBeGreaterThanOrEqual(9 - 1e-4);
    }
  });
});

/** The derivatives as their definition has them, pair by pair. */
function lambdas(scores: number[], labels: number[], truncation: number, normalise: boolean): number[] {
  const order = scores.map((_, row) => row).sort((a, b) => scores[b] - scores[a] || a - b);
  const rank = Array.from(scores, (_, row) => order.indexOf(row));
  const discount = (row: number) => 1 / Math.log2(rank[row] + 2);
  const gain = (row: number) => 2 ** labels[row] - 1;
  const ideal = labels
    .toSorted((a, b) => b - a)
    .slice(0, truncation)
    .reduce((sum, label, at) => sum + (2 ** label - 1) / Math.log2(at + 2), 0);
  const out = new Array<number>(2 * scores.length).fill(0);
  let total = 0;
  for (const high of order) {
    for (const low of order) {
      if (labels[high] <= labels[low] || Math.min(rank[high], rank[low]) >= truncation) continue;
      const margin = scores[high] - scores[low];
      let weight = ((gain(high) - gain(low)) * Math.abs(discount(high) - discount(low))) / ideal;
      if (normalise) weight /= 0.01 + Math.abs(margin);
      const p = 1 / (1 + Math.exp(margin));
      out[2 * high] -= p * weight;
      out[2 * low] += p * weight;
      out[2 * high + 1] += p * (1 - p) * weight;
      out[2 * low + 1] += p * (1 - p) * weight;
      total += 2 * p * weight;
    }
  }
  return normalise ? out.map((value) => (value * Math.log2(1 + total)) / total) : out;
}

describe('lambda gradients', () => {
  it.each([
    [30, false],
    [5, false],
    [5, true],
  ])('are those of their definition: truncation %d, normalised %s', (truncation, normalise) => {
    const random = new Random(6);
    const groups = Uint32Array.of(0, 17, 20, 320);
    const labels = Float32Array.from({ length: 320 }, () => random.int(4));
    const gradients = new LambdaGradients({ labels, groups }, { truncation, normalise });
    const derivatives = new Float32Array(640);
    for (let step = 0; step < 3; step++) {
      const scores = Float64Array.from({ length: 320 }, () => 2 * random.normal());
      gradients.compute(scores, derivatives);
      for (let group = 0; group < 3; group++) {
        const rows = [groups[group], groups[group + 1]] as const;
        const expected = lambdas(
          [...scores.slice(...rows)],
          [...labels.slice(...rows)],
          truncation,
          normalise,
        );
        const worst = Math.max(...expected.map((value, i) => Math.abs(value - derivatives[2 * rows[0] + i])));
        expect(worst).toBeLessThan(2e-5 * Math.max(1, ...expected.map(Math.abs)));
      }
    }
  });
});
