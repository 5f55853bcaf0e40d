import { describe, expect, it } from 'vitest';
import { GroupedRanking } from '../metrics/grouped-ranking.ts';
import { Scorer } from '../onnx/scorer.ts';
import { Random } from '../random.ts';
import type { GroupedExamples } from './grouped-examples.ts';
import { fitLinear } from './linear.ts';
import { PADDING, padLists, tellingGroups, usualLength } from './lists.ts';
import { fitListwise } from './listwise.ts';
import { referenceLogits } from './pointwise-reference.ts';
import { rankingWorld } from './ranker.test-world.ts';
import { chooseRanker, RANKER_FAMILIES, type RankerFamily } from './ranker-families.ts';
import { RANKER_NAMES } from './ranker-names.ts';

const train = rankingWorld(40, 1);
const valid = rankingWorld(20, 2);
const test = rankingWorld(20, 3);

function ndcgOf({ labels, groups }: GroupedExamples) {
  const options = { cutOffs: [10], gain: 'exponential', noRelevant: 1, ties: 'pessimistic' } as const;
  const ranking = new GroupedRanking(labels, groups, options);
  return (scores: Float32Array | Float64Array) => ranking.ndcg(scores)[0];
}

async function scores(onnx: Uint8Array, features: Float32Array): Promise<Float32Array> {
  await using scorer = await Scorer.open(onnx, { width: 5, featureSchemaHash: 'abc' });
  return await scorer.run(features);
}

const run = {
  seed: 1,
  threads: 1,
  featureSchemaHash: 'abc',
  validation: { examples: valid, metric: ndcgOf(valid) },
};

describe('every ranker', () => {
  it.each(RANKER_NAMES)('learns graded groups with missing values: %s', async (name) => {
    const family = RANKER_FAMILIES[name];
    const first = { ...family, grid: () => family.grid(train).slice(0, 1) };
    const { onnx, merits } = await chooseRanker(first, train, run);
    expect(merits).toEqual([run.validation.metric(await scores(onnx, valid.features))]);
    const random = new Random(5);
    const byChance = ndcgOf(test)(Float32Array.from({ length: test.rows }, () => random.next()));
    expect(ndcgOf(test)(await scores(onnx, test.features))).toBeGreaterThan(byChance + 0.12);
  });

  it.each(['linear', 'lambdamart'] as const)(
    'learns the same beside columns that never vary: %s',
    async (name) => {
      const family = RANKER_FAMILIES[name];
      const widened = ({ features, ...rest }: GroupedExamples, constant: number): GroupedExamples => {
        const wide = new Float32Array(rest.rows * 11).fill(constant);
        features.forEach((value, at) => {
          wide[Math.floor(at / 5) * 11 + 2 * (at % 5) + 1] = value;
        });
        return { ...rest, width: 11, features: wide };
      };
      const settings = { ...family.grid(train)[0], ...(name === 'lambdamart' && { trees: 5 }) };
      const fitted = { seed: 1, threads: 1, featureSchemaHash: 'abc' };
      const narrow = await scores(await family.fit(train, settings, fitted), test.features);
      const onnx = await family.fit(widened(train, 3), settings, fitted);
      await using scorer = await Scorer.open(onnx, { width: 11, featureSchemaHash: 'abc' });
      const wide = await scorer.run(widened(test, 7).features);
      expect(new Set(narrow).size).toBeGreaterThan(10);
      wide.forEach((score, row) => {
        expect(score).toBeCloseTo(narrow[row], 5);
      });
    },
  );

  it.each([1, 2, 3])(
    'divides what few rows there are, without a validation part: LambdaMART, seed %i',
    async (seed) => {
      const family = RANKER_FAMILIES.lambdamart;
      const few = rankingWorld(12, 1);
      const settings = { ...family.grid(few)[0], trees: 3 };
      const onnx = await family.fit(few, settings, { seed, threads: 1, featureSchemaHash: 'abc' });
      expect(new Set(await scores(onnx, test.features)).size).toBeGreaterThan(4);
    },
  );

  it('is chosen by the validation part, the first of the grid without one', async () => {
    const tried: number[] = [];
    const family: RankerFamily = {
      grid: () => [{ l2: 1e6 }, { l2: 0.01 }, { l2: 1e5 }],
      fit: (examples, settings) => {
        tried.push(settings.l2 as number);
        return fitLinear(examples, { l2: settings.l2 as number }).onnx;
      },
    };
    const metric = (values: Float32Array | Float64Array) => Math.max(...values);
    const chosen = await chooseRanker(family, train, { ...run, validation: { examples: valid, metric } });
    expect(chosen.settings).toEqual({ l2: 0.01 });
    expect(chosen.merits[1]).toBe(Math.max(...chosen.merits));
    expect(tried).toEqual([1e6, 0.01, 1e5]);
    const { validation, ...blind } = run;
    expect((await chooseRanker(family, train, blind)).settings).toEqual({ l2: 1e6 });
  });
});

it('LambdaMART tries fewer settings on larger data, and grows fewer and stronger trees on the largest', () => {
  const grid = (rows: number) => RANKER_FAMILIES.lambdamart.grid({ rows, width: 50 });
  expect([1e4, 1e5, 1e6].map((rows) => grid(rows).length)).toEqual([4, 2, 1]);
  const [usual, largest] = [grid(1e4)[3], grid(1e6)[0]] as { trees: number; learningRate: number }[];
  expect(largest.trees).toBeLessThan(usual.trees);
  expect(largest.learningRate).toBeGreaterThan(usual.learningRate);
});

describe('linear regression', () => {
  it('recovers weights and bias, and serves what the float64 reference computes', async () => {
    const labels = Float32Array.from({ length: train.rows }, (_, row) => {
      const [a, b, c] = train.features.subarray(5 * row);
      return 2 * a - 3 * c + (Number.isNaN(b) ? 5 : b) + 1;
    });
    const model = fitLinear({ ...train, labels }, { l2: 0, featureSchemaHash: 'abc' });
    const served = await scores(model.onnx, train.features);
    served.forEach((score, row) => {
      expect(Math.abs(score - labels[row])).toBeLessThan(1e-4);
    });
    const reference = referenceLogits(model, test.features);
    (await scores(model.onnx, test.features)).forEach((score, row) => {
      expect(Math.abs(score - reference[row])).toBeLessThan(1e-5 * Math.max(1, Math.abs(reference[row])));
    });
  });

  it('is at the minimum of its penalised error where there are more inputs than rows', () => {
    const random = new Random(6);
    const [rows, width, l2] = [60, 700, 0.1];
    const features = Float32Array.from({ length: rows * width }, () =>
      random.next() < 0.02 ? Number.NaN : random.normal(),
    );
    const labels = Float32Array.from({ length: rows }, (_, row) => features[row * width + 3] || 1);
    const model = fitLinear({ rows, width, features, labels }, { l2 });
    const { mean, inverseStd } = model.standardiser;
    const [{ weights }] = model.layers;
    const predicted = referenceLogits(model, features);
    for (let column = 0; column < width; column++) {
      let slope = l2 * weights[column];
      for (let row = 0; row < rows; row++) {
        const value = features[row * width + column];
        const input = Number.isNaN(value) ? 0 : (value - mean[column]) * inverseStd[column];
        slope += ((predicted[row] - labels[row]) * input) / rows;
      }
      expect(Math.abs(slope)).toBeLessThan(1e-5);
    }
  });

  it('counts a row of weight 2 as two rows', () => {
    const weights = Float32Array.from({ length: train.rows }, (_, row) => (row < 100 ? 2 : 1));
    const twice = (values: Float32Array, width: number) =>
      Float32Array.of(...values, ...values.subarray(0, 100 * width));
    const doubled = {
      rows: train.rows + 100,
      width: 5,
      features: twice(train.features, 5),
      labels: twice(train.labels, 1),
    };
    const a = referenceLogits(fitLinear({ ...train, weights }, { l2: 0 }), test.features);
    const b = referenceLogits(fitLinear(doubled, { l2: 0 }), test.features);
    const plain = referenceLogits(fitLinear(train, { l2: 0 }), test.features);
    a.forEach((score, row) => {
      expect(score).toBeCloseTo(b[row], 4);
    });
    expect(Math.max(...a.map((score, row) => Math.abs(score - plain[row])))).toBeGreaterThan(1e-3);
  });
});

describe('RankNet and ListNet', () => {
  const options = { seed: 1, hidden: [6], epochs: 3, batchSize: 8, learningRate: 0.01, l2: 1e-4 };

  it.each(['ranknet', 'listnet'] as const)('serve what the float64 reference computes: %s', async (loss) => {
    const model = await fitListwise(train, { loss, ...options, featureSchemaHash: 'abc' });
    const reference = referenceLogits(model, test.features);
    (await scores(model.onnx, test.features)).forEach((score, row) => {
      expect(Math.abs(score - reference[row])).toBeLessThan(1e-5 * Math.max(1, Math.abs(reference[row])));
    });
    expect(model.report.history.at(-1)!.loss).toBeLessThan(model.report.history[0].loss);
  });

  it('refuse data that says nothing about order', async () => {
    const flat = { ...train, labels: new Float32Array(train.rows).fill(1) };
    await expect(fitListwise(flat, { loss: 'ranknet', ...options })).rejects.toThrow(/different grades/);
  });
});

describe('padded lists', () => {
  it('leave out groups of one grade and hold the others whole where they fit', () => {
    const groups = tellingGroups(train);
    expect(groups).not.toContain(39);
    const { lists, length, rows } = padLists(train, groups, 100, new Random(1));
    expect([lists, length]).toEqual([groups.length, 100]);
    groups.forEach((group, list) => {
      const own = Array.from(rows.subarray(list * 100, (list + 1) * 100)).filter((row) => row !== PADDING);
      const [start, end] = [train.groups[group], train.groups[group + 1]];
      expect(own).toEqual(Array.from({ length: end - start }, (_, i) => start + i));
    });
  });

  it('are as long as nine in ten groups', () => {
    const groups = Uint32Array.from({ length: 21 }, (_, i) => (i * (i + 1)) / 2);
    const all = Uint32Array.from({ length: 20 }, (_, i) => i);
    expect([usualLength(groups, all, 99), usualLength(groups, all, 7)]).toEqual([18, 7]);
  });

  it('draw from longer groups, of relevant rows at most half a list where others can fill it', () => {
    const long = {
      labels: Float32Array.from({ length: 50 }, (_, row) => (row < 8 ? 1 : 0)),
      groups: Uint32Array.of(0, 50),
    };
    const random = new Random(2);
    const drawn = [0, 1].map(() => padLists(long, Uint32Array.of(0), 10, random).rows);
    for (const rows of drawn) {
      expect(new Set(rows).size).toBe(10);
      expect(rows.filter((row) => row < 8).length).toBe(5);
      expect(Math.max(...rows)).toBeLessThan(50);
    }
    expect(drawn[0]).not.toEqual(drawn[1]);
  });
});
