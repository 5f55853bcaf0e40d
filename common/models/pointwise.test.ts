import { describe, expect, it } from 'vitest';
import { areaUnderCurve, logLoss } from '../metrics/classification.ts';
import { FEATURE_SCHEMA_KEY, Scorer } from '../onnx/scorer.ts';
import { Random } from '../random.ts';
import type { Examples } from './examples.ts';
import { fitLogistic, logisticDefaults } from './logistic.ts';
import { fitNeural, neuralDefaults } from './neural.ts';
import type { PointwiseModel } from './pointwise.ts';
import { referenceScores } from './pointwise-reference.ts';

const TRUE_WEIGHTS = [1.5, -2, 0.7];
const TRUE_BIAS = -0.4;

/** Labels drawn from a logistic model on three normal features of different means and scales. */
function logisticWorld(rows: number, seed = 5): Examples & { probabilities: Float32Array } {
  const random = new Random(seed);
  const features = new Float32Array(rows * 3);
  const labels = new Float32Array(rows);
  const probabilities = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let logit = TRUE_BIAS;
    TRUE_WEIGHTS.forEach((weight, column) => {
      const z = random.normal();
      logit += weight * z;
      features[row * 3 + column] = 1000 * column + 10 ** column * z;
    });
    probabilities[row] = 1 / (1 + Math.exp(-logit));
    labels[row] = Number(random.next() < probabilities[row]);
  }
  return { rows, width: 3, features, labels, probabilities };
}

/** Mixed columns: plain, often missing, always missing, constant, never missing here though it may be when serving. */
function untidyWorld(rows: number, seed: number): Examples {
  const random = new Random(seed);
  const features = new Float32Array(rows * 5);
  const labels = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const a = random.normal();
    const gone = random.next() < 0.4;
    features.set([a, gone ? Number.NaN : 50 + 5 * random.normal(), Number.NaN, 7, random.next()], row * 5);
    labels[row] = Number(a + (gone ? 2 : 0) + 0.5 * random.normal() > 0.5);
  }
  return { rows, width: 5, features, labels };
}

function xorWorld(rows: number): Examples {
  const random = new Random(9);
  const features = Float32Array.from({ length: rows * 2 }, () => random.next() - 0.5);
  const labels = Float32Array.from({ length: rows }, (_, row) =>
    Number(features[2 * row] * features[2 * row + 1] > 0),
  );
  return { rows, width: 2, features, labels };
}

async function serve({ onnx }: PointwiseModel, features: Float32Array): Promise<Float32Array> {
  await using scorer = await Scorer.open(onnx);
  return await scorer.run(features);
}

async function expectServedAsReference(model: PointwiseModel, features: Float32Array): Promise<void> {
  const served = await serve(model, features);
  const reference = referenceScores(model, features);
  expect(served).toHaveLength(reference.length);
  const worst = served.reduce((most, score, row) => Math.max(most, Math.abs(score / reference[row] - 1)), 0);
  expect(worst).toBeLessThan(1e-5);
}

describe('logistic regression', () => {
  it('recovers the model that drew the labels, on a calibrated scale', async () => {
    const world = logisticWorld(20_000);
    const model = await fitLogistic(world, { ...logisticDefaults, epochs: 10 });
    const [{ weights, bias }] = model.layers;
    TRUE_WEIGHTS.forEach((weight, column) => {
      expect(Math.abs(weights[column] - weight)).toBeLessThan(0.1);
    });
    expect(Math.abs(bias[0] - TRUE_BIAS)).toBeLessThan(0.1);
    const scores = await serve(model, world.features);
    expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(
      world.labels.reduce((sum, label) => sum + label, 0),
      -2,
    );
    expect(logLoss(scores, world.labels)).toBeLessThan(logLoss(world.probabilities, world.labels) + 1e-3);
  });

  it('counts a row of weight 3 as three rows, whatever the scale of the weights', async () => {
    const labels = Float32Array.of(1, 0, 0, 0);
    const features = Float32Array.of(1, 1, 1, 1);
    const weights = Float32Array.of(30, 10, 10, 10);
    const model = await fitLogistic(
      { rows: 4, width: 1, features, labels, weights },
      { ...logisticDefaults, epochs: 400 },
    );
    expect((await serve(model, Float32Array.of(1)))[0]).toBeCloseTo(0.5, 2);
  });
});

describe('neural network', () => {
  it('learns XOR, which logistic regression cannot', async () => {
    const world = xorWorld(1000);
    const options = { ...neuralDefaults, hidden: [16], epochs: 60, batchSize: 64, learningRate: 0.02 };
    const network = await serve(await fitNeural(world, options), world.features);
    const linear = await serve(await fitLogistic(world), world.features);
    expect(areaUnderCurve(network, world.labels)).toBeGreaterThan(0.99);
    expect(areaUnderCurve(linear, world.labels)).toBeLessThan(0.6);
  });

  it('stops early on the validation part and keeps its best epoch', async () => {
    const world = logisticWorld(200);
    const examples = logisticWorld(2000, 6);
    const options = { ...neuralDefaults, epochs: 200, batchSize: 32, validation: { examples, patience: 5 } };
    const model = await fitNeural(world, options);
    const { bestEpoch, history } = model.report;
    expect(history.length).toBe(bestEpoch + 5);
    expect(history.length).toBeLessThan(200);
    const loss = logLoss(await serve(model, examples.features), examples.labels);
    expect(-loss).toBeCloseTo(Math.max(...history.map(({ metric }) => metric!)), 6);
  });
});

describe.each([
  [
    'logistic',
    (world: Examples, seed: number) =>
      fitLogistic(world, { ...logisticDefaults, epochs: 30, batchSize: 128, seed }),
  ],
  [
    'neural',
    (world: Examples, seed: number) =>
      fitNeural(world, { ...neuralDefaults, epochs: 30, batchSize: 128, seed }),
  ],
])('%s model with missing values', (_, fitModel) => {
  const world = untidyWorld(2000, 1);

  it('serves what the float64 reference computes', async () => {
    const model = await fitModel(world, 1);
    await expectServedAsReference(model, world.features);
    await expectServedAsReference(model, new Float32Array(10).fill(Number.NaN));
    await expectServedAsReference(model, Float32Array.of(3, -400, 1e6, -9, 50));
    expect(model.standardiser.indicators).toEqual([1]);
  });

  it('learns from what is missing, and does not take it for 0', async () => {
    const model = await fitModel(world, 1);
    const nan = Number.NaN;
    const [missing, mean, zero] = await serve(
      model,
      Float32Array.of(0, nan, nan, 7, 0.5, 0, 50, nan, 7, 0.5, 0, 0, nan, 7, 0.5),
    );
    expect(missing).toBeGreaterThan(mean + 0.3);
    expect(missing).not.toBeCloseTo(zero, 2);
  });

  it('reads a value missing for the first time as the mean, and columns that never varied not at all', async () => {
    const model = await fitModel(world, 1);
    const row = (constant: number, last: number) => Float32Array.of(1, 50, Number.NaN, constant, last);
    const [atMean] = await serve(model, row(7, model.standardiser.mean[4]));
    expect((await serve(model, row(7, Number.NaN)))[0]).toBe(atMean);
    expect((await serve(model, row(1e6, Number.NaN)))[0]).toBe(atMean);
    expect((await serve(model, row(Number.NaN, Number.NaN)))[0]).toBe(atMean);
  });

  it('is the same file for the same seed', async () => {
    const [first, again, other] = await Promise.all([
      fitModel(world, 1),
      fitModel(world, 1),
      fitModel(world, 2),
    ]);
    expect(Buffer.from(first.onnx).equals(again.onnx)).toBe(true);
    expect(Buffer.from(first.onnx).equals(other.onnx)).toBe(false);
  });
});

describe('a pointwise model', () => {
  it('names its feature schema and answers an empty batch', async () => {
    const model = await fitLogistic(untidyWorld(50, 2), {
      ...logisticDefaults,
      epochs: 1,
      featureSchemaHash: 'f00d',
    });
    await using scorer = await Scorer.open(model.onnx, { width: 5, featureSchemaHash: 'f00d' });
    expect(scorer.metadata.get(FEATURE_SCHEMA_KEY)).toBe('f00d');
    expect(await scorer.run(new Float32Array(0))).toHaveLength(0);
  });

  it('refuses examples that break the contract, naming array and row', async () => {
    const world = untidyWorld(10, 2);
    const refused = (change: Partial<Examples>) => expect(fitLogistic({ ...world, ...change })).rejects;
    await refused({ labels: new Float32Array(9) }).toThrow('labels: 9 values, expected 10');
    await refused({ labels: new Float32Array(10).fill(2) }).toThrow('labels: row 0 is 2');
    await refused({ features: new Float32Array(50).fill(Infinity, 13, 14) }).toThrow(
      'features: row 2 column 3 is Infinity',
    );
    await refused({ weights: new Float32Array(10) }).toThrow('weights: all are 0');
    await refused({ weights: new Float32Array(10).fill(Number.NaN, 4) }).toThrow('weights: row 4 is NaN');
    const empty = { rows: 0, width: 5, features: new Float32Array(0), labels: new Float32Array(0) };
    await refused(empty).toThrow('there are no examples');
    const narrow = { examples: logisticWorld(5), patience: 1 };
    await expect(fitLogistic(world, { ...logisticDefaults, validation: narrow })).rejects.toThrow(
      'validation: examples of width 3, training has 5',
    );
  });
});
