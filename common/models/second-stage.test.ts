import { describe, expect, it } from 'vitest';
import { expectedCalibrationError } from '../metrics/calibration.ts';
import { areaUnderCurve } from '../metrics/classification.ts';
import { FEATURE_SCHEMA_KEY, SCORE_OUTPUT, Scorer } from '../onnx/scorer.ts';
import { Random } from '../random.ts';
import type { FeatureColumn } from './feature-columns.ts';
import { fitSecondStage, type NetworkSettings, type SecondStageOptions } from './second-stage.ts';
import type { Task, TaskExamples } from './tasks.ts';

const COLUMNS: readonly FeatureColumn[] = [
  { kind: 'categorical', name: 'user', size: 12 },
  { kind: 'categorical', name: 'item', size: 20 },
  { kind: 'numeric', name: 'plain' },
  { kind: 'numeric', name: 'skewed' },
  { kind: 'numeric', name: 'gappy' },
  { kind: 'numeric', name: 'constant' },
  { kind: 'numeric', name: 'absent' },
  { kind: 'categorical', name: 'genre', size: 3 },
];

const TASKS: readonly Task[] = [
  { name: 'click', kind: 'binary' },
  { name: 'watch_seconds', kind: 'log', weight: 0.5 },
  { name: 'rating', kind: 'squared', weight: 0.5 },
];

const NETWORKS: Readonly<Record<string, NetworkSettings>> = {
  logistic: { model: 'logistic' },
  mlp: { model: 'mlp', dim: 4, hidden: [16, 8] },
  'wide & deep': { model: 'widedeep', dim: 4, hidden: [16, 8] },
  'stacked cross network': { model: 'dcn', dim: 4, crossLayers: 2, hidden: [16], structure: 'stacked' },
  'parallel cross network': { model: 'dcn', dim: 4, crossLayers: 3, hidden: [16], structure: 'parallel' },
  'cross network of low-rank experts': {
    model: 'dcn',
    dim: 4,
    crossLayers: 2,
    mixture: { experts: 3, rank: 4 },
    hidden: [],
    structure: 'stacked',
  },
  'neural factorisation': { model: 'neumf', user: 'user', item: 'item', dim: 4, hidden: [16, 8] },
};

const NAN = Number.NaN;

/** Columns of every kind; a watch time and a rating only where there was a click. */
function untidyWorld(rows: number, seed: number): TaskExamples {
  const random = new Random(seed);
  const width = COLUMNS.length;
  const features = new Float32Array(rows * width);
  const [click, watch, rating] = [0, 1, 2].map(() => new Float32Array(rows).fill(NAN));
  for (let row = 0; row < rows; row++) {
    const user = random.int(12);
    const item = random.int(19);
    const plain = random.normal();
    const gap = random.next() < 0.3;
    const genre = random.next() < 0.1 ? NAN : random.int(3);
    const skewed = Math.exp(2 * random.normal());
    const gappy = gap ? NAN : 1000 + 10 * random.normal();
    features.set([user, item, plain, skewed, gappy, 7, NAN, genre], row * width);
    const affinity = plain + (gap ? 1 : 0) + ((user + item) % 3 === 0 ? 1.5 : 0);
    click[row] = Number(affinity + random.normal() > 0.8);
    if (click[row] === 0) continue;
    watch[row] = Math.exp(3 + 0.5 * affinity + 0.3 * random.normal());
    if (random.next() < 0.5) rating[row] = Math.min(5, Math.max(1, 3 + affinity + 0.5 * random.normal()));
  }
  return { rows, width, features, labels: { click, watch_seconds: watch, rating } };
}

const train = untidyWorld(2000, 1);
const validation = { examples: untidyWorld(1000, 2), patience: 3 };

function optionsFor(network: NetworkSettings, change: Partial<SecondStageOptions> = {}): SecondStageOptions {
  return {
    network,
    columns: COLUMNS,
    tasks: TASKS,
    bins: 8,
    crosses: 6,
    seed: 3,
    epochs: 5,
    batchSize: 128,
    learningRate: 0.01,
    l2: 1e-5,
    lookupL2: 1e-5,
    validation,
    ...change,
  };
}

/** Rows with a label. */
function present(labels: Float32Array): number[] {
  return [...labels.keys()].filter((row) => !Number.isNaN(labels[row]));
}

function mean(values: Float32Array, rows: readonly number[]): number {
  return rows.reduce((sum, row) => sum + values[row], 0) / rows.length;
}

/** Rows that training never saw the like of. */
const STRANGE_ROWS = Float32Array.of(
  ...new Array<number>(COLUMNS.length).fill(NAN),
  ...[19, 19, 1e9, -5, 0, 123, 4, 99],
  ...[-1, 1e6, -1e9, 1e12, 1e5, NAN, -3, -2],
);

describe.each(Object.entries(NETWORKS))('%s', (_, network) => {
  it('serves every task as its float64 reference, and ranks and predicts on the scale of the labels', async () => {
    const model = await fitSecondStage(train, optionsFor(network));
    await using scorer = await Scorer.open(model.onnx, { width: COLUMNS.length });
    expect([...scorer.outputs].sort()).toEqual(['click', 'rating', 'score', 'watch_seconds']);
    for (const features of [validation.examples.features, STRANGE_ROWS]) {
      const served = await scorer.runAll(features);
      const reference = model.reference(features);
      expect(served[SCORE_OUTPUT]).toEqual(served.click);
      for (const { name } of TASKS) {
        expect(served[name]).toHaveLength(features.length / COLUMNS.length);
        const worst = served[name].reduce(
          (most, value, row) => Math.max(most, Math.abs(value / reference[name][row] - 1)),
          0,
        );
        expect(worst, name).toBeLessThan(1e-5);
      }
    }
    const { features, labels } = validation.examples;
    const { click, watch_seconds: watch, rating } = await scorer.runAll(features);
    expect(areaUnderCurve(click, labels.click)).toBeGreaterThan(0.75);
    expect(expectedCalibrationError(click, labels.click)).toBeLessThan(0.06);
    for (const [output, of] of [
      [watch, labels.watch_seconds],
      [rating, labels.rating],
    ]) {
      const rows = present(of);
      expect(mean(output, rows) / mean(of, rows)).toBeCloseTo(1, 2);
    }
    expect(watch.every((value) => value > 0)).toBe(true);
  });
});

describe('a second-stage model', () => {
  const smallest = optionsFor(NETWORKS.logistic, { epochs: 1 });

  it('is the same file for the same seed', async () => {
    const fitted = (seed: number) =>
      fitSecondStage(train, optionsFor(NETWORKS['wide & deep'], { epochs: 1, seed }));
    const [first, again, other] = [await fitted(1), await fitted(1), await fitted(2)];
    expect(Buffer.from(first.onnx).equals(again.onnx)).toBe(true);
    expect(Buffer.from(first.onnx).equals(other.onnx)).toBe(false);
  });

  it('takes nothing from a label that is absent', async () => {
    const sparse = (labels: TaskExamples['labels']) => ({
      ...labels,
      rating: labels.rating.map((rating) => (Number.isNaN(rating) ? NAN : 4)),
    });
    const { examples, patience } = validation;
    const options = optionsFor(NETWORKS.mlp, {
      validation: { examples: { ...examples, labels: sparse(examples.labels) }, patience },
    });
    const model = await fitSecondStage({ ...train, labels: sparse(train.labels) }, options);
    for (const rating of model.reference(validation.examples.features).rating)
      expect(rating).toBeCloseTo(4, 1);
  });

  it('stops by a metric of its score, and names that task and its schema', async () => {
    const seen: number[] = [];
    const metric = (raw: Float32Array) => {
      seen.push(raw.length);
      return -seen.length;
    };
    const options = optionsFor(NETWORKS.mlp, {
      score: 'rating',
      featureSchemaHash: 'f00d',
      validation: { ...validation, patience: 2, metric },
    });
    const model = await fitSecondStage(train, options);
    expect(model.report.bestEpoch).toBe(1);
    expect(seen).toEqual([1000, 1000, 1000]);
    await using scorer = await Scorer.open(model.onnx, { featureSchemaHash: 'f00d' });
    const { score, rating } = await scorer.runAll(STRANGE_ROWS);
    expect(score).toEqual(rating);
    expect(scorer.metadata.get(FEATURE_SCHEMA_KEY)).toBe('f00d');
  });

  it('learns from one column, from columns that say nothing, and without validation', async () => {
    const { labels, rows } = train;
    const columns: FeatureColumn[] = [{ kind: 'numeric', name: 'constant' }];
    const { validation: _, ...blind } = optionsFor(NETWORKS.mlp, { columns, epochs: 30 });
    const model = await fitSecondStage(
      { rows, width: 1, features: new Float32Array(rows).fill(5), labels },
      blind,
    );
    await using scorer = await Scorer.open(model.onnx);
    const { click, watch_seconds: watch } = await scorer.runAll(Float32Array.of(5, NAN, 6));
    const rate = mean(labels.click, present(labels.click));
    for (const value of click) expect(value).toBeCloseTo(rate, 3);
    const time = mean(labels.watch_seconds, present(labels.watch_seconds));
    for (const value of watch) expect(value / time).toBeCloseTo(1, 3);
  });

  it('refuses what breaks its contract, naming task, array and row', async () => {
    const refused = (change: Partial<TaskExamples>, options: Partial<SecondStageOptions> = {}) =>
      expect(fitSecondStage({ ...train, ...change }, { ...smallest, ...options })).rejects;
    const { click, rating, watch_seconds } = train.labels;
    await refused({ rows: 1 }).toThrow('features: 16000 values, expected 8');
    await refused({ labels: { click, rating } }).toThrow('task watch_seconds has no labels');
    await refused({ labels: { click, rating, watch_seconds: click.map(() => NAN) } }).toThrow(
      'labels of watch_seconds: no row has one',
    );
    await refused({ labels: { click: click.with(7, 2), rating, watch_seconds } }).toThrow(
      'labels of click: row 7 is 2',
    );
    await refused({ weights: new Float32Array(2000).fill(-1, 5, 6) }).toThrow('weights: row 5 is -1');
    await refused({ features: train.features.with(10, Infinity) }).toThrow(
      'features: row 1 column 2 is Infinity',
    );
    await refused({}, { columns: COLUMNS.slice(1) }).toThrow('examples of width 8, there are 7 columns');
    await refused({}, { score: 'sales' }).toThrow("there is no task 'sales' to score by");
    const network: NetworkSettings = { model: 'neumf', user: 'user', item: 'plain', dim: 2, hidden: [] };
    await refused({}, { network }).toThrow("column 'plain' is not a categorical one that varies");
  });
});

describe('the score beside its task', () => {
  const network = NETWORKS.logistic;
  const { positions, examples } = shownWorld(3000, 5);
  const options = {
    columns: [{ kind: 'numeric', name: 'x' }],
    tasks: [TASKS[0]],
    epochs: 30,
    learningRate: 0.03,
  } as const;
  const scored = async (change: Partial<SecondStageOptions>): Promise<Float32Array> => {
    const { validation: _, ...blind } = optionsFor(network, { ...options, ...change });
    await using scorer = await Scorer.open((await fitSecondStage(examples, blind)).onnx);
    return await scorer.run(Float32Array.from({ length: 8 }, (_, slot) => slot));
  };

  it('is held the nearer to a teacher the larger lambda is', async () => {
    const probabilities = examples.features.map((x) => 0.05 + 0.1 * x);
    const distance = async (lambda: number): Promise<number> => {
      const scores = await scored({ teacher: { lambda, distance: 'cross-entropy', probabilities } });
      return scores.reduce((sum, score, x) => sum + Math.abs(score - (0.05 + 0.1 * x)), 0);
    };
    const [free, held, bound] = [await distance(0), await distance(1), await distance(20)];
    expect(held).toBeLessThan(free);
    expect(bound).toBeLessThan(held);
  });

  it('does not take for merit what comes of the slot', async () => {
    const range = (scores: Float32Array): number => Math.max(...scores) - Math.min(...scores);
    const plain = range(await scored({}));
    expect(plain).toBeGreaterThan(0.4);
    expect(range(await scored({ positionBias: { positions } }))).toBeLessThan(plain / 2);
    const propensities = Float64Array.from({ length: 8 }, (_, slot) => examined(slot));
    expect(range(await scored({ positionBias: { positions, propensities } }))).toBeLessThan(plain / 2);
    const rated = { ...options, tasks: [TASKS[2]], positionBias: { positions } };
    await expect(fitSecondStage(train, optionsFor(network, { ...rated, columns: COLUMNS }))).rejects.toThrow(
      'task rating is squared: teachers and position bias are for binary ones',
    );
  });
});

function examined(slot: number): number {
  return 0.9 - 0.1 * slot;
}

/** Rows in slots, a feature that mostly tells the slot and nothing else, and clicks that only depend on the slot. */
function shownWorld(rows: number, seed: number): { positions: Uint32Array; examples: TaskExamples } {
  const random = new Random(seed);
  const positions = Uint32Array.from({ length: rows }, () => random.int(8));
  const features = Float32Array.from(positions, (slot) => (random.next() < 0.8 ? slot : random.int(8)));
  const click = Float32Array.from(positions, (slot) => Number(random.next() < examined(slot)));
  return { positions, examples: { rows, width: 1, features, labels: { click } } };
}
