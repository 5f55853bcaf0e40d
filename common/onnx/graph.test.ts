import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { embedding, embeddingBag } from './embedding.ts';
import { toBytes } from './encode.ts';
import { Graph, type Value } from './graph.ts';
import { binaryCrossEntropy, inBatchSoftmax, listNet, rankNet, sampledSoftmax } from './losses.ts';
import {
  add,
  concat,
  equal,
  gather,
  gatherRows,
  gemm,
  greater,
  isNan,
  matmul,
  mul,
  probability,
  reduceSum,
  reshape,
  sigmoid,
  slice,
  softmax,
  sub,
  transpose,
  where,
} from './operators.ts';
import { openSession } from './session.ts';

function zeros(graph: Graph, name: string, shape: readonly number[]) {
  return graph.parameter(
    name,
    shape,
    new Float32Array(shape.reduce((size, dimension) => size * dimension, 1)),
  );
}

describe('a graph', () => {
  const graph = new Graph();
  const x = graph.input('x', ['N', 4]);
  const ids = graph.input('ids', ['N'], 'int64');
  const flat = graph.input('flat', ['N']);
  const w = zeros(graph, 'w', [5, 3]);
  const refused: Readonly<Record<string, [() => Value, string]>> = {
    matmul: [() => matmul(x, w, 'dense'), 'dense: cannot multiply [N, 4] by [5, 3]'],
    gemm: [() => gemm(x, w, { transB: true }, 'dense'), 'dense: cannot multiply [N, 4] by [3, 5]'],
    'gemm bias': [
      () => gemm(x, zeros(graph, 'v', [4, 2]), { bias: w }, 'dense'),
      'dense: [N, 2] and [5, 3] do not broadcast',
    ],
    'a bias wider than the product': [
      () => gemm(x, zeros(graph, 'u', [4, 1]), { bias: zeros(graph, 'c', [3]) }, 'dense'),
      'dense: bias [3] does not broadcast to [N, 1]',
    ],
    add: [() => add(x, w, 'sum'), 'sum: [N, 4] and [5, 3] do not broadcast'],
    'a symbol against a size': [
      () => sub(x, zeros(graph, 'm', [7, 4]), 'd'),
      'd: [N, 4] and [7, 4] do not broadcast',
    ],
    concat: [() => concat([x, w], 1, 'join'), 'join: cannot join [N, 4] and [5, 3] on axis 1'],
    'concat of batches': [() => concat([x, x], 0, 'join'), 'join: cannot join [N, 4] and [N, 4] on axis 0'],
    slice: [() => slice(x, 1, 2, 5, 'cut'), 'cut: cannot take 2 to 5 of axis 1 of [N, 4]'],
    gather: [() => gather(x, [0, 4], 1, 'pick'), 'pick: indices [0,4] are outside axis 1 of [N, 4]'],
    reshape: [() => reshape(x, ['N', 5], 'flat'), 'flat: cannot reshape [N, 4] to [N, 5]'],
    'reshape of the batch away': [() => reshape(x, [4], 'flat'), 'flat: cannot reshape [N, 4] to [4]'],
    transpose: [() => transpose(x, [0, 0], 'turn'), 'turn: [0,0] does not permute the axes of [N, 4]'],
    'an axis': [() => softmax(x, 2, 'p'), 'p: axis 2 is outside shape [N, 4]'],
    'a reduced axis': [() => reduceSum(x, { axes: [-3] }, 's'), 's: axis -3 is outside shape [N, 4]'],
    'a bool operand': [() => mul(isNan(x, 'missing'), 2, 'm2'), "m2: 'missing' is bool, not float32"],
    'a float condition': [() => where(x, 1, 0, 'if'), "if: condition 'x' is float32, not bool"],
    'a loss of [N] against [N, 1]': [
      () => binaryCrossEntropy(reshape(slice(x, 1, 0, 1), ['N'], 'logits'), slice(x, 1, 1, 2, 'labels')),
      "'logits' [N] and 'labels' [N, 1] differ in shape",
    ],
    'an embedding of ids that are no input': [
      () => embedding(w, graph.integers([1, 2]), 'rows'),
      "rows: ids 'integers 1,2' are no input",
    ],
    'an embedding by floats': [() => embedding(w, x, 'rows'), "rows: ids 'x' are float32, not int64"],
    'a table that is no matrix': [
      () => embedding(zeros(graph, 'cube', [2, 2, 2]), ids, 'rows'),
      "rows: table 'cube' [2, 2, 2] is not [rows, width]",
    ],
    'a bag whose mask is narrower than its ids': [
      () => embeddingBag(w, graph.input('lists', ['N', 5], 'int64'), x, 'mean', 'bag'),
      'bag: ids [N, 5] and mask [N, 4] are not one [N, L]',
    ],
    'a bag of single ids': [
      () => embeddingBag(w, ids, ids, 'sum', 'bag'),
      'bag: ids [N] and mask [N] are not',
    ],
    'rows of a scalar': [() => gatherRows(zeros(graph, 'one', []), ids, 'rows'), "rows: 'one' is a scalar"],
    'ids as operands': [() => add(ids, 1, 'sum'), "sum: 'ids' is int64, not float32"],
    'equality of ids and floats': [() => equal(ids, x, 'same'), "same: 'ids' is int64, not float32"],
    'a group loss on one axis': [
      () => listNet({ scores: flat, labels: flat, mask: flat }),
      "listNet: 'flat' [N] is not [G, L]",
    ],
    'a group loss with a mask of another shape': [
      () => rankNet({ scores: x, labels: x, mask: flat }),
      "rankNet: 'x' [N, 4] and 'flat' [N] differ in shape",
    ],
    'pair weights of a group by document': [
      () => rankNet({ scores: x, labels: x, mask: x }, x),
      "[N, 4, 4] and 'x' [N, 4] differ in shape",
    ],
    'an in-batch softmax of towers that differ': [
      () => inBatchSoftmax(x, slice(x, 1, 0, 2, 'short_tower'), ids, flat),
      "inBatchSoftmax: 'x' [N, 4] and 'short_tower' [N, 2] differ in shape",
    ],
    'sampled scores corrected to another shape': [
      () =>
        sampledSoftmax({
          preferred: flat,
          preferredLogQ: flat,
          sampled: flat,
          sampledLogQ: x.graph.scalar(1),
        }),
      'axis 1 is outside shape [N]',
    ],
    'a name twice': [() => add(x, 1, 'w'), "the graph already has a value named 'w'"],
    'values of another graph': [
      () => add(new Graph().input('other', [1]), x, 'mixed'),
      "mixed (Add): input 'x' is of another graph",
    ],
    'too few values': [
      () => graph.parameter('short', [2, 3], new Float32Array(5)),
      "'short' of shape [2, 3] takes 6 values, got 5",
    ],
  };
  for (const [name, [build, message]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => expect(build).toThrow(message));
  }
});

it('a part of a graph has names of its own, and shares scalars and integers', () => {
  const graph = new Graph();
  const part = () => {
    const x = graph.input('x', ['N', 2]);
    return { x, y: mul(reduceSum(x, { axes: [1] }), graph.constant('scale', [], Float32Array.of(3))) };
  };
  const [left, right] = ['left_', 'right_'].map((prefix) => graph.within(prefix, part));
  expect([left.x.name, right.x.name]).toEqual(['left_x', 'right_x']);
  expect([...graph.constants].map(({ name }) => name)).toEqual(['integers 1', 'left_scale', 'right_scale']);
  expect(() => graph.within('left_', part)).toThrow("already has a value named 'left_x'");
  expect(graph.input('x', [1]).name).toBe('x');
});

describe('an exported model', () => {
  function affine() {
    const graph = new Graph();
    const x = graph.input('x', ['N', 2]);
    const labels = graph.input('labels', ['N', 1]);
    const w = graph.parameter('w', [2, 1], Float32Array.of(2, 3));
    const y = add(matmul(x, w), 1);
    const loss = reduceSum(mul(sub(y, labels), sub(y, labels)), {}, 'loss');
    return { x, y, loss };
  }
  const rows = { x: new Tensor('float32', Float32Array.of(1, 1, 10, 0), [2, 2]) };

  it('holds the part that its outputs need, parameters inside', async () => {
    const { x, y } = affine();
    const session = await openSession(
      toBytes(x.graph, { outputs: { score: y }, parameters: 'initialisers' }),
    );
    expect(session.inputNames).toEqual(['x']);
    const { score } = await session.run(rows);
    expect([...(score.data as Float32Array)]).toEqual([6, 21]);
    await session.release();
  });

  it('takes parameters as inputs when training', async () => {
    const { x, y } = affine();
    const session = await openSession(toBytes(x.graph, { outputs: { score: y }, parameters: 'inputs' }));
    expect(session.inputNames).toEqual(['x', 'w']);
    const { score } = await session.run({ ...rows, w: new Tensor('float32', Float32Array.of(0, 5), [2, 1]) });
    expect([...(score.data as Float32Array)]).toEqual([6, 1]);
    await session.release();
  });

  it('may give one value under two names, and an input as it is', async () => {
    const { x, y } = affine();
    const outputs = { first: y, second: y, fed: x };
    const session = await openSession(toBytes(x.graph, { outputs, parameters: 'initialisers' }));
    const { first, second, fed } = await session.run(rows);
    expect(second.data).toEqual(first.data);
    expect(fed.data).toEqual(rows.x.data);
    await session.release();
  });

  it('refuses an output under an inner name of something else', () => {
    const { x, y, loss } = affine();
    const outputs = { x: y, other: loss };
    expect(() => toBytes(x.graph, { outputs, parameters: 'initialisers' })).toThrow(
      "'x' is an inner value's name",
    );
  });
});

it('probability keeps its relative precision where the Sigmoid operator does not', async () => {
  const logits = Float32Array.of(-60, -30, -17, -8, -1, 0, 2, 15, 40);
  const graph = new Graph();
  const x = graph.input('x', ['N']);
  const outputs = { precise: probability(x), operator: sigmoid(x), positive: where(greater(x, 0), 1, 0) };
  const session = await openSession(toBytes(graph, { outputs, parameters: 'initialisers' }));
  const results = await session.run({ x: new Tensor('float32', logits, [logits.length]) });
  const worst = (found: Float32Array) =>
    Math.max(...found.map((value, i) => Math.abs(value * (1 + Math.exp(-logits[i])) - 1)));
  expect(worst(results.precise.data as Float32Array)).toBeLessThan(1e-6);
  expect(worst(results.operator.data as Float32Array)).toBeGreaterThan(1e-3);
  expect([...(results.positive.data as Float32Array)]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1]);
  await session.release();
});
