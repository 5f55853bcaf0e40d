import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { SCORE_OUTPUT } from '../onnx/scorer.ts';
import { openSession } from '../onnx/session.ts';
import { Random } from '../random.ts';
import { bprDefaults, fitBpr } from './bpr-mf.ts';
import { communities } from './communities.test-world.ts';
import { fitLightGcn, lightGcnDefaults } from './light-gcn.ts';
import { ITEM_INPUT, USER_INPUT, vectorScorer } from './vector-scorer.ts';

const { train } = communities(5);
const run = { seed: 1, threads: 1 };

describe('vector scorer', () => {
  it.each([
    { name: 'BPR-MF', fitted: () => fitBpr(train, { ...bprDefaults, dim: 16, epochs: 5 }, run) },
    { name: 'LightGCN', fitted: () => fitLightGcn(train, { ...lightGcnDefaults, dim: 16, steps: 5 }, run) },
  ])('of $name serves what float64 computes', async ({ fitted }) => {
    const model = await fitted();
    const random = new Random(2);
    const pairs = Array.from({ length: 500 }, () => ({
      user: random.int(train.rowCount),
      item: random.int(train.columnCount),
    }));
    const ids = (values: number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);
    const session = await openSession(vectorScorer(model));
    const results = await session.run({
      [USER_INPUT]: ids(pairs.map(({ user }) => user)),
      [ITEM_INPUT]: ids(pairs.map(({ item }) => item)),
    });
    await session.release();
    const scores = results[SCORE_OUTPUT].data as Float32Array;
    pairs.forEach(({ user, item }, at) => {
      let expected = 0;
      let magnitude = 0;
      for (let i = 0; i < model.dim; i++) {
        const term = model.userFactors[user * model.dim + i] * model.itemFactors[item * model.dim + i];
        expected += term;
        magnitude += Math.abs(term);
      }
      expect(Math.abs(scores[at] - expected)).toBeLessThanOrEqual(1e-6 * magnitude);
      if (Math.abs(expected) > 0.1 * magnitude)
        expect(Math.abs(scores[at] / expected - 1)).toBeLessThan(1e-5);
    });
  });
});
