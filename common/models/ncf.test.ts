import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { FEATURE_SCHEMA_KEY, readMetadata } from '../onnx/scorer.ts';
import { openSession } from '../onnx/session.ts';
import { communities } from './communities.test-world.ts';
import { rankHeldOut } from './held-out.ts';
import { interactionMatrix } from './interactions.ts';
import { factorVectors, fitNcf, type NcfModel, type NcfOptions } from './ncf.ts';
import { referenceProbability } from './ncf-reference.ts';

const base: NcfOptions = {
  factors: 8,
  deepFactors: 8,
  hidden: [16, 8],
  negatives: 4,
  negativeExponent: 0,
  epochs: 30,
  batchSize: 256,
  learningRate: 0.02,
  regularisation: 1e-3,
  measureEvery: 1,
  featureSchemaHash: 'f00d',
};
const kinds: readonly [string, NcfOptions][] = [
  ['GMF', { ...base, deepFactors: 0 }],
  ['MLP', { ...base, factors: 0 }],
  ['NeuMF', base],
];
const run = { seed: 1, threads: 1 };
const world = communities(7);

/** Probabilities of all pairs of some users with every item, by the exported file. */
async function served(model: NcfModel, users: readonly number[]): Promise<Float32Array> {
  const ids = (values: readonly number[]) =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);
  const items = Array.from({ length: model.itemCount }, (_, item) => item);
  const session = await openSession(model.toOnnx());
  const { score } = await session.run({
    user: ids(users.flatMap((user) => items.map(() => user))),
    item: ids(users.flatMap(() => items)),
  });
  await session.release();
  return score.data as Float32Array;
}

describe.each(kinds)('%s', (_, options) => {
  it('finds communities, serves what its float64 reference computes, and ranks by it', async () => {
    const model = await fitNcf(world.train, options, run);
    const [{ recall }] = await rankHeldOut(model, world.train, world.test, [10]);
    expect(recall).toBeGreaterThan(0.6);
    const users = [0, 7, 119];
    const probabilities = await served(model, users);
    const scores = new Float32Array(users.length * model.itemCount);
    await model.scoreUsers(Uint32Array.from(users), scores);
    probabilities.forEach((probability, at) => {
      const user = users[Math.floor(at / model.itemCount)];
      const reference = referenceProbability(model.network, user, at % model.itemCount);
      expect(Math.abs(probability / reference - 1)).toBeLessThan(1e-5);
      expect(1 / (1 + Math.exp(-scores[at]))).toBeCloseTo(reference, 5);
    });
    expect(readMetadata(model.toOnnx()).get(FEATURE_SCHEMA_KEY)).toBe('f00d');
  });
});

describe('a neural collaborative filter', () => {
  const short = { ...base, epochs: 4 };

  it('is the same file for a seed', async () => {
    const [first, again, other] = await Promise.all(
      [1, 1, 2].map(async (seed) => (await fitNcf(world.train, short, { ...run, seed })).toOnnx()),
    );
    expect(Buffer.from(first).equals(again)).toBe(true);
    expect(Buffer.from(first).equals(other)).toBe(false);
  });

  it('keeps the best epoch of the held-out merit', async () => {
    const seen: Float32Array[] = [];
    const merits = [1, 3, 2, 2];
    const heldOut = {
      patience: 2,
      merit: async (measured: { scoreUsers: NcfModel['scoreUsers'] }) => {
        const scores = new Float32Array(world.train.columnCount);
        await measured.scoreUsers(Uint32Array.of(3), scores);
        seen.push(scores);
        return merits[seen.length - 1];
      },
    };
    const model = await fitNcf(world.train, { ...base, measureEvery: 2 }, { ...run, heldOut });
    const scores = new Float32Array(world.train.columnCount);
    await model.scoreUsers(Uint32Array.of(3), scores);
    expect(model.report.bestEpoch).toBe(4);
    expect(scores).toEqual(seen[1]);
    expect(scores).not.toEqual(seen[3]);
  });

  it('goes on from its pre-trained factorised part, or stays there where that is better', async () => {
    const options = {
      ...base,
      pretraining: { epochs: 8, learningRate: 0.02 },
      epochs: 2,
      learningRate: 1e-4,
    };
    const seen: Float32Array[] = [];
    const best = async (measurement: number) => {
      seen.length = 0;
      const heldOut = {
        patience: 99,
        merit: async (measured: { scoreUsers: NcfModel['scoreUsers'] }) => {
          const scores = new Float32Array(world.train.columnCount);
          await measured.scoreUsers(Uint32Array.of(3), scores);
          seen.push(scores);
          return seen.length === measurement ? 99 : seen.length % 9;
        },
      };
      const model = await fitNcf(world.train, options, { ...run, heldOut });
      const scores = new Float32Array(world.train.columnCount);
      await model.scoreUsers(Uint32Array.of(3), scores);
      return scores;
    };
    for (const measurement of [8, 10]) {
      const scores = await best(measurement);
      expect(seen).toHaveLength(10);
      expect(scores).toEqual(seen[measurement - 1]);
    }
    const distance = (a: number, b: number) => Math.hypot(...seen[a].map((score, i) => score - seen[b][i]));
    expect(distance(7, 8)).toBeLessThan(0.1 * distance(0, 7));
  });

  it('without a deep part is a model of vectors, in the same order', async () => {
    const model = await fitNcf(world.train, { ...short, deepFactors: 0 }, run);
    const vectors = factorVectors(model);
    const users = Uint32Array.of(5);
    const [scores, products] = [model, vectors].map(({ itemCount }) => new Float32Array(itemCount));
    await model.scoreUsers(users, scores);
    await vectors.scoreUsers(users, products);
    const shift = scores[0] - products[0];
    products.forEach((product, item) => {
      expect(product + shift).toBeCloseTo(scores[item], 4);
    });
  });

  it('learns from users who have every item, and answers for those who have none', async () => {
    const matrix = interactionMatrix(
      { users: Uint32Array.of(0, 0, 2), items: Uint32Array.of(0, 1, 1) },
      3,
      2,
    );
    const model = await fitNcf(matrix, short, run);
    const scores = new Float32Array(6);
    await model.scoreUsers(Uint32Array.of(0, 1, 2), scores);
    expect(scores.every((score) => Number.isFinite(score))).toBe(true);
  });
});
