import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { Graph } from './graph.ts';
import { meanSquaredError } from './losses.ts';
import { add, gemm, reshape } from './operators.ts';
import { type TrainOptions, train } from './train.ts';

const ROWS = 300;
const options: TrainOptions = { seed: 3, epochs: 40, batchSize: 64, learningRate: 0.05 };

/** Linear regression on y = 2a − b + 0.5. */
function linear() {
  const random = new Random(11);
  const features = Float32Array.from({ length: ROWS * 2 }, () => random.normal());
  const targets = Float32Array.from(
    { length: ROWS },
    (_, i) => 2 * features[2 * i] - features[2 * i + 1] + 0.5,
  );
  const graph = new Graph();
  const x = graph.input('x', ['N', 2]);
  const y = graph.input('y', ['N']);
  const w = graph.parameter('w', [2, 1], new Float32Array(2));
  const b = graph.parameter('b', [1], new Float32Array(1), false);
  const output = reshape(gemm(x, w, { bias: b }), ['N'], 'prediction');
  const columns = [
    { input: x, data: features },
    { input: y, data: targets },
  ];
  return { loss: meanSquaredError(output, y), parameters: [w, b], columns, output, targets, x, features };
}

describe('train', () => {
  for (const optimiser of ['adam', 'sgd'] as const) {
    it(`recovers a linear model by ${optimiser}, last batch short`, async () => {
      const { loss, parameters, columns } = linear();
      const { history, bestEpoch } = await train(loss, parameters, columns, {
        ...options,
        optimiser,
        schedule: 'cosine',
      });
      expect(
        [...parameters[0].data, ...parameters[1].data].map((value) => Math.round(value * 100) / 100),
      ).toEqual([2, -1, 0.5]);
      expect(history).toHaveLength(options.epochs);
      expect(bestEpoch).toBe(options.epochs);
      expect(history.at(-1)!.loss).toBeLessThan(1e-3);
    });
  }

  it('shrinks weights, not biases, under penalties', async () => {
    const free = linear();
    const penalised = linear();
    await train(free.loss, free.parameters, free.columns, options);
    await train(penalised.loss, penalised.parameters, penalised.columns, { ...options, l2: 2 });
    expect(Math.abs(penalised.parameters[0].data[0])).toBeLessThan(
      0.7 * Math.abs(free.parameters[0].data[0]),
    );
    expect(Math.abs(penalised.parameters[1].data[0])).toBeGreaterThan(0.3);
  });

  it('moves no further than the clipped gradient', async () => {
    const { loss, parameters, columns } = linear();
    const clipped = {
      ...options,
      optimiser: 'sgd' as const,
      epochs: 1,
      batchSize: ROWS,
      learningRate: 1,
      clipNorm: 0.01,
    };
    await train(loss, parameters, columns, clipped);
    expect(Math.hypot(...parameters[0].data, ...parameters[1].data)).toBeCloseTo(0.01, 5);
  });

  it('stops when the metric no longer improves, and keeps the best epoch', async () => {
    const { loss, parameters, columns, output, x, features } = linear();
    const merits = [1, 5, 3, 4, 2, 9];
    const reported: number[] = [];
    const seen: number[] = [];
    const metric = (predictions: Float32Array) => {
      expect(predictions).toHaveLength(ROWS);
      seen.push(predictions[0]);
      return merits[seen.length - 1];
    };
    const validation = { columns: [{ input: x, data: features }], output, metric, patience: 3 };
    const onProgress = ({ epoch }: { epoch: number }) => reported.push(epoch);
    const report = await train(loss, parameters, columns, { ...options, validation, onProgress });
    expect(report.bestEpoch).toBe(2);
    expect(report.history.map((epoch) => epoch.metric)).toEqual([1, 5, 3, 4, 2]);
    expect(reported).toEqual([1, 2, 3, 4, 5]);
    const [w, b] = parameters;
    const kept = w.data[0] * features[0] + w.data[1] * features[1] + b.data[0];
    expect(kept).toBeCloseTo(seen[1], 5);
    expect(Math.abs(kept - seen[4])).toBeGreaterThan(1e-3);
  });

  it('validates an output that needs part of the trained parameters only', async () => {
    const { parameters, columns, output, x, features } = linear();
    const offset = output.graph.parameter('offset', [], Float32Array.of(1));
    const loss = meanSquaredError(add(output, offset), columns[1].input);
    const validation = { columns: [{ input: x, data: features }], output, metric: () => 1, patience: 1 };
    const { bestEpoch } = await train(loss, [...parameters, offset], columns, { ...options, validation });
    expect(bestEpoch).toBe(1);
    expect(offset.data[0]).not.toBe(1);
  });

  it('takes rows through an index, computes them, and makes new ones for an epoch', async () => {
    const [plain, other] = [linear(), linear()];
    const [x, y] = other.columns;
    const rowOf = Uint32Array.from({ length: ROWS }, (_, row) => ROWS - 1 - row);
    const reversed = x.data.slice();
    for (let row = 0; row < ROWS; row++)
      reversed.set(x.data.subarray(2 * row, 2 * row + 2), 2 * (ROWS - 1 - row));
    const epochs: number[] = [];
    const columns = (epoch: number) => {
      epochs.push(epoch);
      return [
        { input: x.input, data: reversed, rowOf },
        {
          input: y.input,
          rows: ROWS,
          compute: (rows: Uint32Array, into: Float32Array | Uint32Array) => into.set(rows.map((row) => row)),
        },
      ];
    };
    const stored = [
      plain.columns[0],
      { ...plain.columns[1], data: Float32Array.from({ length: ROWS }, (_, i) => i) },
    ];
    const three = { ...options, epochs: 3 };
    await train(plain.loss, plain.parameters, stored, three);
    await train(other.loss, other.parameters, columns, three);
    expect(other.parameters.map(({ data }) => data)).toEqual(plain.parameters.map(({ data }) => data));
    expect(epochs).toEqual([1, 2, 3]);
  });

  it('stops by a merit of the parameters themselves, measured every few epochs', async () => {
    const { loss, parameters, columns } = linear();
    const seen: number[] = [];
    const merits = [1, 3, 2, 2];
    const merit = () => {
      seen.push(parameters[0].data[0]);
      return merits[seen.length - 1];
    };
    const report = await train(loss, parameters, columns, {
      ...options,
      validation: { merit, patience: 2, every: 3 },
    });
    expect(report.history).toHaveLength(12);
    expect(report.bestEpoch).toBe(6);
    expect(parameters[0].data[0]).toBe(seen[1]);
    expect(seen[3]).not.toBe(seen[1]);
  });

  it('refuses a loss that diverges, columns of unequal rows, and no rows', async () => {
    const diverging = linear();
    const wild = { ...options, optimiser: 'sgd' as const, learningRate: 1e6 };
    await expect(train(diverging.loss, diverging.parameters, diverging.columns, wild)).rejects.toThrow(
      /the loss became/,
    );
    const { loss, parameters, columns } = linear();
    const uneven = [columns[0], { ...columns[1], data: new Float32Array(7) }];
    await expect(train(loss, parameters, uneven, options)).rejects.toThrow(
      "column 'y' has 7 rows, column 'x' 300",
    );
    const empty = columns.map((column) => ({ ...column, data: new Float32Array(0) }));
    await expect(train(loss, parameters, empty, options)).rejects.toThrow('there are no rows to train on');
  });
});
