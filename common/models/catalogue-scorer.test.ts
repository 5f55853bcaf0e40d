import { expect, it } from 'vitest';
import { CatalogueScorer, decodeCatalogueScores, encodeCatalogueScores } from './catalogue-scorer.ts';
import { interactionMatrix } from './interactions.ts';
import { fitNcf, neumfDefaults } from './ncf.ts';

const USERS = ['ann', 'bob', 'cai'];
const ITEMS = 5;
const matrix = interactionMatrix(
  { users: Uint32Array.of(0, 0, 1, 2, 2), items: Uint32Array.of(0, 1, 2, 3, 4) },
  USERS.length,
  ITEMS,
);

it('answers, from the bytes of a part, what the model scores for a user, and nothing for others', async () => {
  const options = { ...neumfDefaults, factors: 4, deepFactors: 4, hidden: [8, 4], epochs: 3, batchSize: 8 };
  const model = await fitNcf(matrix, options, { seed: 3, threads: 1 });
  const onnx = model.toCatalogueOnnx();
  const part = encodeCatalogueScores({ users: USERS, itemCount: ITEMS, onnx });
  const scorer = await CatalogueScorer.open(decodeCatalogueScores(part));
  const expected = new Float32Array(ITEMS);
  await model.scoreUsers(Uint32Array.of(1), expected);
  const scores = await scorer.scores('bob');
  expect(scores).toHaveLength(ITEMS);
  expected.forEach((score, item) => {
    expect(scores?.[item]).toBeCloseTo(score, 5);
  });
  expect(new Set(expected).size).toBe(ITEMS);
  expect(await scorer.scores('dan')).toBeUndefined();
  await scorer.close();
});
