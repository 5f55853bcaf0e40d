import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { jaxGradients } from './autodiff.test-oracle.ts';
import { gradients } from './autodiff.ts';
import { embedding, embeddingBag } from './embedding.ts';
import { gradientRules } from './gradient-rules.ts';
import { GradientStep } from './gradient-step.ts';
import { Graph, type Parameter, type Value } from './graph.ts';
import {
  bayesianPersonalisedRanking,
  binaryCrossEntropy,
  inBatchSoftmax,
  listNet,
  meanAbsoluteError,
  meanSquaredError,
  rankNet,
  sampledSoftmax,
  softmaxCrossEntropy,
} from './losses.ts';
import {
  abs,
  add,
  concat,
  div,
  equal,
  exp,
  gather,
  gemm,
  greater,
  log,
  logSoftmax,
  matmul,
  mul,
  neg,
  reduceLogSumExp,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  sigmoid,
  slice,
  softmax,
  softplus,
  sqrt,
  sub,
  tanh,
  toFloat,
  transpose,
  unsqueeze,
  where,
} from './operators.ts';

const BATCH = 5;
const IDS = [1, 0, 1, 2, 1];
const LISTS = [1, 2, 0, 2, 2, 0, 0, 0, 3, 1];
const MASKS = [1, 1, 1, 0, 1, 1, 0, 0, 0.5, 2];

/**
 * `p`: a new random parameter; `x`: an input [N, 3]; `ids`: an int64 input [N]; `lists` and `mask`: inputs [N, 2], one list
 * empty. Values keep away from 0, where some operators have kinks.
 */
interface Ingredients {
  readonly p: (shape: readonly number[]) => Parameter;
  readonly x: Value;
  readonly ids: Value;
  readonly lists: Value;
  readonly mask: Value;
}

const operatorCases: Readonly<Record<string, (given: Ingredients) => Value>> = {
  add: ({ p, x }) => add(add(x, p([3])), add(p([1, 3]), 2)),
  sub: ({ p, x }) => sub(sub(p([1]), x), p([3])),
  mul: ({ p, x }) => mul(mul(p([3]), x), p([1])),
  div: ({ p, x }) => div(div(x, p([3])), p([])),
  neg: ({ p }) => neg(p([2, 3])),
  abs: ({ p }) => abs(p([2, 3])),
  relu: ({ p }) => relu(p([2, 3])),
  sigmoid: ({ p }) => sigmoid(p([2, 3])),
  tanh: ({ p }) => tanh(p([2, 3])),
  softplus: ({ p }) => softplus(p([2, 3])),
  log: ({ p }) => log(abs(p([2, 3]))),
  exp: ({ p }) => exp(p([2, 3])),
  sqrt: ({ p }) => sqrt(abs(p([2, 3]))),
  'where, greater': ({ p, x }) => where(greater(x, 0), p([3]), mul(p([1]), x)),
  'where, equal, toFloat': ({ p, x }) => where(equal(x, x), mul(toFloat(greater(x, 0)), p([3])), p([1])),
  'matmul of matrices': ({ p, x }) => matmul(x, p([3, 2])),
  'matmul, batched': ({ p }) => matmul(p([2, 2, 3]), p([2, 3, 2])),
  'matmul, broadcast': ({ p }) => matmul(p([2, 2, 3]), p([3, 2])),
  gemm: ({ p, x }) => gemm(x, p([3, 2]), { bias: p([2]) }),
  'gemm, transA': ({ p }) => gemm(p([3, 2]), p([3, 4]), { transA: true }),
  'gemm, transB': ({ p, x }) => gemm(x, p([2, 3]), { transB: true, bias: p([1]) }),
  'gemm, both': ({ p }) => gemm(p([3, 2]), p([4, 3]), { transA: true, transB: true }),
  transpose: ({ p }) => transpose(p([2, 3, 4]), [2, 0, 1]),
  reshape: ({ p, x }) => reshape(mul(x, p([3])), [3, 'N']),
  unsqueeze: ({ p, x }) => unsqueeze(mul(x, p([3])), [0, 3]),
  concat: ({ p, x }) => concat([mul(x, p([3])), mul(x, p([1]))], 1),
  slice: ({ p, x }) => slice(mul(x, p([3])), 1, 1, 3),
  'gather of rows': ({ p }) => gather(p([4, 2]), [3, 0, 3], 0),
  'gather of columns': ({ p, x }) => gather(mul(x, p([3])), [2, 2, 0], -1),
  reduceSum: ({ p, x }) => reduceSum(mul(x, p([3])), { axes: [0] }),
  'reduceSum, kept': ({ p, x }) => mul(x, reduceSum(mul(x, p([3])), { axes: [-1], keepDims: true })),
  'reduceMean over the batch': ({ p, x }) => reduceMean(mul(x, p([3])), { axes: [0] }),
  'reduceMean of all': ({ p, x }) => reduceMean(mul(x, p([3]))),
  softmax: ({ p, x }) => softmax(mul(x, p([3])), 1),
  'softmax, first axis': ({ p }) => softmax(p([3, 2]), 0),
  reduceLogSumExp: ({ p, x }) => reduceLogSumExp(mul(x, p([3])), { axes: [1] }),
  'reduceLogSumExp, kept': ({ p, x }) => reduceLogSumExp(mul(x, p([3])), { axes: [0], keepDims: true }),
  embedding: ({ p, ids }) => embedding(p([3, 2]), ids),
  'embedding of lists': ({ p, lists }) => embedding(p([4, 2]), lists),
  'embeddingBag, sum': ({ p, lists, mask }) => embeddingBag(p([4, 2]), lists, mask, 'sum'),
  'embeddingBag, mean': ({ p, lists, mask }) => embeddingBag(p([4, 2]), lists, mask, 'mean'),
  logSoftmax: ({ p, x }) => logSoftmax(mul(x, p([3])), -1),
  'one value used twice': ({ p, x }) => {
    const y = mul(x, p([3]));
    return mul(y, tanh(y));
  },
};

const lossCases: Readonly<Record<string, (given: Ingredients) => Value>> = {
  binaryCrossEntropy: ({ p }) => binaryCrossEntropy(p([4]), constant(p, [0, 1, 1, 0.3])),
  'binaryCrossEntropy, weighted': ({ p }) =>
    binaryCrossEntropy(p([4]), constant(p, [0, 1, 1, 0.3]), constant(p, [0, 2, 1, 0.5])),
  meanSquaredError: ({ p }) => meanSquaredError(p([3]), p([3])),
  meanAbsoluteError: ({ p }) => meanAbsoluteError(p([3]), constant(p, [9, -9, 9])),
  bayesianPersonalisedRanking: ({ p }) => bayesianPersonalisedRanking(p([4]), p([4])),
  softmaxCrossEntropy: ({ p }) =>
    softmaxCrossEntropy(p([2, 3]), reshape(constant(p, [0, 1, 0, 0.2, 0.3, 0.5]), [2, 3])),
  sampledSoftmax: ({ p }) =>
    sampledSoftmax({
      preferred: p([3]),
      preferredLogQ: constant(p, [-1, -2, -3]),
      sampled: p([3, 2]),
      sampledLogQ: constant(p, [-1.5, -0.5]),
    }),
  'sampledSoftmax, accidental hits, weighted': ({ p }) =>
    sampledSoftmax(
      {
        preferred: p([3]),
        preferredLogQ: constant(p, [-1, -2, -3]),
        sampled: p([3, 2]),
        sampledLogQ: reshape(constant(p, [-1.5, -0.5, -2, -1, -1, -3]), [3, 2]),
        hits: reshape(constant(p, [0, 1, 0, 0, 1, 1]), [3, 2]),
      },
      constant(p, [1, 0.5, 2]),
    ),
  inBatchSoftmax: ({ p, x, ids }) =>
    inBatchSoftmax(mul(x, p([3])), mul(x, p([3])), ids, mul(reshape(slice(x, 1, 0, 1), ['N']), 0.1)),
  rankNet: (given) => rankNet(groups(given)),
  'rankNet, pair weights': (given) => rankNet(groups(given), constantOf(given.p, [2, 3, 3])),
  listNet: (given) => listNet(groups(given)),
};

/** Two groups: three documents, and two and padding, with equal labels among them. */
function groups({ p }: Ingredients) {
  return {
    scores: p([2, 3]),
    labels: reshape(constant(p, [2, 0, 1, 1, 1, 9]), [2, 3]),
    mask: reshape(constant(p, [1, 1, 1, 1, 1, 0]), [2, 3]),
  };
}

function constantOf(p: Ingredients['p'], shape: readonly number[]): Value {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return reshape(
    constant(
      p,
      Array.from({ length: size }, (_, i) => 0.1 * (i + 1)),
    ),
    shape,
  );
}

function constant(p: Ingredients['p'], values: readonly number[]): Value {
  const { graph } = p([]);
  return graph.constant(`constant_${values}`, [values.length], Float32Array.from(values));
}

/** A graph of the case, its loss and the fed batch. */
function assemble(build: (given: Ingredients) => Value, toLoss: (y: Value) => Value) {
  const random = new Random(7);
  const awayFromZero = () => (random.next() < 0.5 ? -1 : 1) * (0.2 + random.next());
  const values = (length: number) => Float32Array.from({ length }, awayFromZero);
  const graph = new Graph();
  const x = graph.input('x', ['N', 3]);
  const p = (shape: readonly number[]) => {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    return graph.parameter(`p${graph.parameters.length}`, shape, values(size));
  };
  const ids = graph.input('ids', ['N'], 'int64');
  const lists = graph.input('lists', ['N', 2], 'int64');
  const mask = graph.input('mask', ['N', 2]);
  const loss = toLoss(build({ p, x, ids, lists, mask }));
  const feeds = {
    x: new Tensor('float32', values(BATCH * 3), [BATCH, 3]),
    ids: new Tensor('int64', BigInt64Array.from(IDS, BigInt), [BATCH]),
    lists: new Tensor('int64', BigInt64Array.from(LISTS, BigInt), [BATCH, 2]),
    mask: new Tensor('float32', Float32Array.from(MASKS), [BATCH, 2]),
  };
  return { graph, loss, feeds, x };
}

type Build = (given: Ingredients) => Value;

/** As `assemble`, and those of the parameters that the loss uses. */
function trainable(build: Build, toLoss: (y: Value) => Value) {
  const { graph, loss, feeds } = assemble(build, toLoss);
  const trained = graph.parameters.filter((parameter) =>
    graph.nodes.some(({ inputs }) => inputs.includes(parameter)),
  );
  return { loss, feeds, trained };
}

async function checkAgainstJax(build: Build, toLoss: (y: Value) => Value) {
  const { loss, feeds, trained } = trainable(build, toLoss);
  const expected = (await jaxGradients(loss, trained, feeds)).flatMap((gradient) => [...gradient]);
  await using step = await GradientStep.open(loss, trained);
  await step.run(feeds);
  expect(step.gradients).toHaveLength(expected.length);
  step.gradients.forEach((gradient, i) => {
    expect(Math.abs(gradient - expected[i])).toBeLessThan(1e-5 * (1 + Math.abs(expected[i])));
  });
}

async function checkAgainstDifferences(build: Build, toLoss: (y: Value) => Value) {
  const { loss, feeds, trained } = trainable(build, toLoss);
  await using step = await GradientStep.open(loss, trained);
  await step.run(feeds);
  const found = step.gradients.slice();
  const width = 1e-2;
  const lossAt = async (i: number, offset: number) => {
    const held = step.parameters[i];
    step.parameters[i] = held + offset;
    const result = await step.run(feeds);
    step.parameters[i] = held;
    return result.loss;
  };
  for (let i = 0; i < found.length; i++) {
    const expected = ((await lossAt(i, width)) - (await lossAt(i, -width))) / (2 * width);
    expect(
      Math.abs(found[i] - expected),
      `parameter ${i}: ${found[i]}, by differences ${expected}`,
    ).toBeLessThan(2e-3 * (1 + Math.abs(expected)));
  }
  expect(found.some((gradient) => gradient !== 0)).toBe(true);
}

describe.each([
  ['central finite differences', checkAgainstDifferences],
  ['those of jax-js', checkAgainstJax],
])('gradients equal %s', (_, check) => {
  for (const [name, build] of Object.entries(operatorCases)) {
    it(name, () => check(build, (y) => reduceMean(mul(y, add(y, 1.3)))));
  }
  for (const [name, build] of Object.entries(lossCases)) {
    it(name, () => check(build, (y) => y));
  }
});

it('every operator with a gradient is among the cases', () => {
  const used = new Set<string>();
  for (const build of [...Object.values(operatorCases), ...Object.values(lossCases)])
    for (const { op } of assemble(build, (y) => y).graph.nodes) used.add(op);
  expect(Object.keys(gradientRules).filter((op) => !used.has(op) && op !== 'Sign')).toEqual([]);
});

describe('gradients', () => {
  it('reach inputs as well as parameters', async () => {
    const { graph, loss, feeds, x } = assemble(
      ({ p, x }) => reduceSum(mul(mul(x, x), p([3]))),
      (y) => y,
    );
    await using step = await GradientStep.open(loss, graph.parameters, { inputGradients: [x] });
    const { inputGradients } = await step.run(feeds);
    const fed = feeds.x.data as Float32Array;
    fed.forEach((value, i) => {
      expect(inputGradients.x[i]).toBeCloseTo(2 * value * step.parameters[i % 3], 4);
    });
  });

  it('follow a loss whose gradient is the same value for two parameters', async () => {
    const { graph, loss, feeds } = assemble(
      ({ p }) => add(p([]), p([])),
      (y) => y,
    );
    await using step = await GradientStep.open(loss, graph.parameters);
    await step.run(feeds);
    expect([...step.gradients]).toEqual([1, 1]);
  });

  it('refuse a loss that is no scalar', () => {
    const { loss, graph } = assemble(
      ({ p }) => neg(p([2, 3])),
      (y) => y,
    );
    expect(() => gradients(loss, graph.parameters)).toThrow("loss 'Neg_0' is [2, 3], not a scalar");
  });

  it('refuse a parameter that the loss does not depend on', () => {
    const { loss, graph } = assemble(
      ({ p }) => reduceSum(mul(p([2]), toFloat(greater(p([2]), 0)))),
      (y) => y,
    );
    expect(() => gradients(loss, graph.parameters)).toThrow("does not depend on 'p1'");
  });

  it('refuse an operator without a rule between loss and parameter', () => {
    const graph = new Graph();
    const p = graph.parameter('p', [2], new Float32Array(2));
    const y = graph.node('Sin', 'wave', [p], { type: 'float32', shape: [2] });
    expect(() => gradients(reduceSum(y), [p])).toThrow('wave: operator Sin has no gradient');
  });
});
