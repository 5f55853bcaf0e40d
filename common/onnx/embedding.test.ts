import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import type { Column } from './batches.ts';
import { embedding, embeddingBag } from './embedding.ts';
import { sparseTables } from './embedding-tables.ts';
import { toBytes } from './encode.ts';
import { Graph, type Parameter, type Value } from './graph.ts';
import { meanSquaredError } from './losses.ts';
import { add, gatherRows, mul, reduceSum, reshape } from './operators.ts';
import { openSession } from './session.ts';
import { train } from './train.ts';

const [USERS, ITEMS, WIDTH, ROWS, LENGTH] = [7, 5, 3, 60, 4];
const options = {
  seed: 3,
  epochs: 3,
  batchSize: 16,
  learningRate: 0.1,
  optimiser: 'sgd' as const,
  clipNorm: 0.5,
};

type Build = (graph: Graph, table: Parameter, inputs: { ids: Value; lists: Value; mask: Value }) => Value;

/** Targets explained by a user's row, a bag of items and a weight; `build` gives the bag's rows from the items' table. */
function world(build: Build) {
  const random = new Random(5);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const integers = (length: number, bound: number) => Uint32Array.from({ length }, () => random.int(bound));
  const graph = new Graph();
  const inputs = {
    ids: graph.input('ids', ['N'], 'int64'),
    lists: graph.input('lists', ['N', LENGTH], 'int64'),
    mask: graph.input('mask', ['N', LENGTH]),
  };
  const y = graph.input('y', ['N']);
  const users = graph.parameter('users', [USERS, WIDTH], normals(USERS * WIDTH));
  const items = graph.parameter('items', [ITEMS, WIDTH], normals(ITEMS * WIDTH));
  const weight = graph.parameter('weight', [WIDTH], normals(WIDTH));
  const both = mul(mul(embedding(users, inputs.ids), build(graph, items, inputs)), weight);
  const output = reduceSum(both, { axes: [1] }, 'prediction');
  const mask = Float32Array.from({ length: ROWS * LENGTH }, () => Number(random.next() < 0.6));
  const columns: Column[] = [
    { input: inputs.ids, data: integers(ROWS, USERS) },
    { input: inputs.lists, data: integers(ROWS * LENGTH, ITEMS) },
    { input: inputs.mask, data: mask },
    { input: y, data: normals(ROWS) },
  ];
  return { graph, loss: meanSquaredError(output, y), output, parameters: [users, items, weight], columns };
}

const cases: Readonly<Record<string, Build>> = {
  'a mean bag': (_, table, { lists, mask }) => embeddingBag(table, lists, mask, 'mean'),
  'a sum bag': (_, table, { lists, mask }) => embeddingBag(table, lists, mask, 'sum'),
  'lists, summed in the graph': (_, table, { lists }) => reduceSum(embedding(table, lists), { axes: [1] }),
  'one table read twice': (_, table, { lists, mask }) =>
    add(embeddingBag(table, lists, mask, 'mean'), reduceSum(embedding(table, lists), { axes: [1] })),
};

/** The same graph, with its tables read in a way that keeps them dense. */
function dense(build: Build): Build {
  return (graph, table, inputs) => {
    const [users] = graph.parameters;
    const nothing = [users, table].map((parameter) =>
      mul(reshape(gatherRows(parameter, graph.integers([0])), [WIDTH]), 0),
    );
    return add(build(graph, table, inputs), add(nothing[0], nothing[1]));
  };
}

describe('embedding tables', () => {
  for (const [name, build] of Object.entries(cases)) {
    it(`train sparsely as they do in the graph: ${name}`, async () => {
      const [sparse, inGraph] = [world(build), world(dense(build))];
      expect(sparseTables(sparse.loss, sparse.parameters)).toEqual(sparse.parameters.slice(0, 2));
      expect(sparseTables(inGraph.loss, inGraph.parameters)).toEqual([]);
      const before = sparse.parameters.map(({ data }) => data.slice());
      const found = await train(sparse.loss, sparse.parameters, sparse.columns, options);
      const expected = await train(inGraph.loss, inGraph.parameters, inGraph.columns, options);
      found.history.forEach(({ loss }, i) => {
        expect(loss).toBeCloseTo(expected.history[i].loss, 4);
      });
      sparse.parameters.forEach(({ data }, i) => {
        expect(data).not.toEqual(before[i]);
        data.forEach((value, at) => {
          expect(value).toBeCloseTo(inGraph.parameters[i].data[at], 4);
        });
      });
    });
  }

  it('are carried by the exported model, which gathers', async () => {
    const { graph, output, parameters, columns } = world(cases['a mean bag']);
    const bytes = toBytes(graph, { outputs: { prediction: output }, parameters: 'initialisers' });
    const session = await openSession(bytes);
    expect(session.inputNames).toEqual(['ids', 'lists', 'mask']);
    const { prediction } = await session.run({
      ids: new Tensor('int64', BigInt64Array.of(2n), [1]),
      lists: new Tensor('int64', BigInt64Array.of(1n, 4n, 0n, 0n), [1, LENGTH]),
      mask: new Tensor('float32', Float32Array.of(1, 1, 0, 0), [1, LENGTH]),
    });
    const [users, items, weight] = parameters.map(({ data }) => data);
    let expected = 0;
    for (let j = 0; j < WIDTH; j++)
      expected += (users[2 * WIDTH + j] * weight[j] * (items[WIDTH + j] + items[4 * WIDTH + j])) / 2;
    expect(prediction.data[0]).toBeCloseTo(expected, 5);
    expect(columns).toHaveLength(4);
    await session.release();
  });

  it('are validated within the graph, and the best epoch is kept', async () => {
    const { loss, output, parameters, columns } = world(cases['one table read twice']);
    const kept: Float32Array[] = [];
    const validation = {
      columns: columns.slice(0, 3),
      output,
      metric: (predictions: Float32Array) => {
        expect(predictions.every((value) => Number.isFinite(value))).toBe(true);
        kept.push(parameters[0].data.slice());
        return kept.length === 2 ? 1 : 0;
      },
      patience: 2,
    };
    const report = await train(loss, parameters, columns, { ...options, epochs: 9, validation });
    expect(report.bestEpoch).toBe(2);
    expect(report.history).toHaveLength(4);
    expect(parameters[0].data).toEqual(kept[1]);
    expect(kept[3]).not.toEqual(kept[1]);
  });

  it('refuse an id that the table does not have, and ids without a column', async () => {
    const { loss, parameters, columns } = world(cases['a sum bag']);
    const wrong = columns.with(1, {
      ...columns[1],
      data: new Uint32Array(ROWS * LENGTH).fill(ITEMS),
    } as Column);
    await expect(train(loss, parameters, wrong, options)).rejects.toThrow(
      "column 'lists': id 5, 'items' has 5 rows",
    );
    await expect(train(loss, parameters, columns.slice(1), options)).rejects.toThrow(
      "there is no column for 'ids', the ids of 'users'",
    );
    const floats = columns.with(0, { ...columns[0], data: new Float32Array(ROWS) } as Column);
    await expect(train(loss, parameters, floats, options)).rejects.toThrow(
      "column 'ids': Float32Array for an input of int64",
    );
  });
});
