import { describe, expect, it } from 'vitest';
import { KernelPool } from '../kernels/kernel-pool.ts';
import { Random } from '../random.ts';
import { communities } from './communities.test-world.ts';
import { type ConvolutionOptions, GraphConvolution } from './graph-convolution.ts';
import { rankHeldOut } from './held-out.ts';
import type { InteractionMatrix } from './interactions.ts';
import { fitLightGcn, lightGcnDefaults } from './light-gcn.ts';
import { SoftmaxLoss } from './softmax-loss.ts';

const { train, test } = communities(3);
const [USERS, ITEMS, DIM] = [train.rowCount, train.columnCount, 4];
const NODES = USERS + ITEMS;

const random = new Random(9);
const normals = () => new Float32Array(NODES * DIM).map(() => random.normal());

/** The adjacency matrix of users and items, in rows. */
function denseAdjacency({ offsets, columns }: InteractionMatrix): number[][] {
  const rows = Array.from({ length: NODES }, () => new Array<number>(NODES).fill(0));
  for (let user = 0; user < USERS; user++) {
    for (let e = offsets[user]; e < offsets[user + 1]; e++) {
      rows[user][USERS + columns[e]] = 1;
      rows[USERS + columns[e]][user] = 1;
    }
  }
  return rows;
}

/** The convolution as its definition reads. */
function convolved(embeddings: ArrayLike<number>, options: ConvolutionOptions): number[] {
  const adjacency = denseAdjacency(train);
  const degrees = adjacency.map((row) => row.reduce((sum, one) => sum + one, 0));
  let layer = Array.from(embeddings);
  const out = layer.map((value) => (options.layers === 0 ? 1 : options.selfWeight) * value);
  for (let k = 1; k <= options.layers; k++) {
    const next = new Array<number>(layer.length).fill(0);
    adjacency.forEach((row, n) => {
      row.forEach((one, m) => {
        if (one === 0) return;
        const weight = degrees[n] ** -options.ownExponent * degrees[m] ** -options.neighbourExponent;
        for (let i = 0; i < DIM; i++) next[n * DIM + i] += weight * layer[m * DIM + i];
      });
    });
    layer = next;
    layer.forEach((value, i) => {
      out[i] += ((1 - options.selfWeight) / options.layers) * value;
    });
  }
  return out;
}

const inner = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);

describe('graph convolution', () => {
  it.each([
    { layers: 0, ownExponent: 0.5, neighbourExponent: 0.5, selfWeight: 0.25 },
    { layers: 3, ownExponent: 0.5, neighbourExponent: 0.5, selfWeight: 0.25 },
    { layers: 2, ownExponent: 0.6, neighbourExponent: 0.1, selfWeight: 0 },
  ])('of $layers layers is the dense product, and its backward pass the transpose', (options) => {
    using pool = new KernelPool(1);
    const convolution = new GraphConvolution(pool, train, DIM, options);
    const [embeddings, vectors, gradient, back] = [1, 2, 3, 4].map(() => pool.f32(NODES * DIM));
    embeddings.set(normals());
    convolution.forward(embeddings, vectors);
    const expected = convolved(embeddings, options);
    for (let i = 0; i < vectors.length; i++) expect(vectors[i]).toBeCloseTo(expected[i], 4);
    gradient.set(normals());
    convolution.backward(gradient, back);
    expect(inner(back, embeddings)).toBeCloseTo(inner(gradient, vectors), 2);
  });
});

const lossOptions = { temperature: 0.4, activityExponent: 0.5, itemsMax: 1000 };

/** The softmax loss of some users as its definition reads. */
function softmaxLoss(vectors: ArrayLike<number>, users: Uint32Array): number {
  const unit = (node: number) => {
    const vector = Array.from({ length: DIM }, (_, i) => vectors[node * DIM + i]);
    const norm = Math.sqrt(inner(vector, vector));
    return vector.map((value) => value / norm);
  };
  const items = Array.from({ length: ITEMS }, (_, item) => unit(USERS + item));
  let total = 0;
  for (const user of users) {
    const own = unit(user);
    const scores = items.map((item) => inner(own, item) / lossOptions.temperature);
    const partition = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
    const taken = train.columns.subarray(train.offsets[user], train.offsets[user + 1]);
    const weight = taken.length ** (lossOptions.activityExponent - 1);
    for (const item of taken) total += weight * (partition - scores[item]);
  }
  return total / USERS;
}

async function softmaxGradient(vectors: Float32Array, users: Uint32Array, itemsMax: number, draws = 1) {
  using pool = new KernelPool(1);
  await using loss = await SoftmaxLoss.open(pool, train, DIM, { ...lossOptions, itemsMax }, new Random(4));
  const [table, gradient] = [pool.f32(NODES * DIM), pool.f32(NODES * DIM)];
  table.set(vectors);
  const mean = new Float64Array(NODES * DIM);
  for (let draw = 0; draw < draws; draw++) {
    await loss.gradient(table, users, gradient);
    for (let i = 0; i < mean.length; i++) mean[i] += gradient[i] / draws;
  }
  return mean;
}

describe('softmax loss', () => {
  const vectors = normals();

  it.each([
    { of: 'all users', users: Uint32Array.from({ length: USERS }, (_, user) => user) },
    { of: 'some users', users: Uint32Array.of(5, 2, 40) },
  ])('of $of has the gradient of finite differences', async ({ users }) => {
    const gradient = await softmaxGradient(vectors, users, lossOptions.itemsMax);
    const epsilon = 1e-5;
    const probed = [users[0] * DIM, users[2] * DIM + 1, 7 * DIM, USERS * DIM, (USERS + 30) * DIM + 2];
    for (const at of probed) {
      const shifted = (by: number) =>
        softmaxLoss(
          Array.from(vectors, (value, i) => (i === at ? value + by : value)),
          users,
        );
      const derivative = (shifted(epsilon) - shifted(-epsilon)) / (2 * epsilon);
      expect(Math.abs(gradient[at] - derivative)).toBeLessThan(1e-6 + 1e-4 * Math.abs(derivative));
    }
  });

  it('against samples of the catalogue has nearly the same gradient on average', async () => {
    const users = Uint32Array.from({ length: USERS }, (_, user) => user);
    const exact = await softmaxGradient(vectors, users, ITEMS);
    const sampled = await softmaxGradient(vectors, users, 40, 300);
    const error = Math.sqrt(inner(exact, exact) - 2 * inner(exact, sampled) + inner(sampled, sampled));
    expect(error / Math.sqrt(inner(exact, exact))).toBeLessThan(0.05);
  });
});

describe('LightGCN', () => {
  const options = { ...lightGcnDefaults, dim: 8, steps: 40 };

  it('finds the communities of a small world, the same for a seed', async () => {
    const model = await fitLightGcn(train, options, { seed: 1, threads: 1 });
    const again = await fitLightGcn(train, options, { seed: 1, threads: 1 });
    expect(again.userFactors).toEqual(model.userFactors);
    const [{ recall }] = await rankHeldOut(model, train, test, [10]);
    expect(recall).toBeGreaterThan(0.85);
  });

  it('learns from batches of users and samples of the catalogue', async () => {
    const batched = { ...options, steps: 120, usersPerStep: 50, itemsMax: 30 };
    const model = await fitLightGcn(train, batched, { seed: 1, threads: 1 });
    const [{ recall }] = await rankHeldOut(model, train, test, [10]);
    expect(recall).toBeGreaterThan(0.8);
  });
});
