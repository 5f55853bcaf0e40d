import { describe, expect, it } from 'vitest';
import { GroupedRanking } from '../metrics/grouped-ranking.ts';
import { FEATURE_SCHEMA_KEY, Scorer } from '../onnx/scorer.ts';
import { readTreeEnsemble, referenceTreeScores } from '../onnx/tree-ensemble-reference.ts';
import type { GroupedExamples } from './grouped-examples.ts';
import { fitLambdaMart, type LambdaMartOptions, lambdaMartDefaults } from './lambdamart.ts';
import { rankingWorld } from './ranker.test-world.ts';

const train = rankingWorld(60, 1);
const test = rankingWorld(40, 2);
const options: LambdaMartOptions = { ...lambdaMartDefaults, trees: 25, leaves: 8, minRows: 5 };

function ndcgOf({ labels, groups }: GroupedExamples) {
  const ranking = new GroupedRanking(labels, groups, {
    cutOffs: [10],
    gain: 'exponential',
    noRelevant: 1,
    ties: 'pessimistic',
  });
  return (scores: Float64Array | Float32Array) => ranking.ndcg(scores)[0];
}

const merit = (model: ReturnType<typeof fitLambdaMart>) =>
  ndcgOf(test)(referenceTreeScores(model.ensemble, test.features, test.width));

describe('LambdaMART', () => {
  const model = fitLambdaMart(train, options);

  it('learns interactions and missing values', () => {
    const byFirstColumn = Float64Array.from({ length: test.rows }, (_, row) => test.features[row * 5]);
    expect(ndcgOf(test)(byFirstColumn)).toBeLessThan(0.75);
    expect(merit(model)).toBeGreaterThan(0.85);
  });

  it('serves what it says, missing values included, with its schema', async () => {
    const { onnx, ensemble } = fitLambdaMart(train, { ...options, featureSchemaHash: 'abc', members: 2 });
    await using scorer = await Scorer.open(onnx, { width: 5, featureSchemaHash: 'abc' });
    expect(scorer.metadata.get(FEATURE_SCHEMA_KEY)).toBe('abc');
    const all = test.features.slice();
    for (let i = 0; i < all.length; i += 7) all[i] = Number.NaN;
    for (const features of [test.features, all]) {
      const expected = referenceTreeScores(ensemble, features, 5);
      (await scorer.run(features)).forEach((score, row) => {
        expect(Math.abs(score - expected[row])).toBeLessThan(1e-5 * Math.max(0.1, Math.abs(expected[row])));
      });
    }
    expect(readTreeEnsemble(onnx)).toEqual(ensemble);
  });

  it('trains on the comparisons that it serves: its own scores rank the training rows as the file does', () => {
    const grown = fitLambdaMart(train, { ...options, trees: 1, learningRate: 1 });
    const scores = referenceTreeScores(grown.ensemble, train.features, train.width);
    const { leaves } = options;
    expect(new Set(scores).size).toBe(leaves);
    const counts = new Map<number, number>();
    for (const score of scores) counts.set(score, (counts.get(score) ?? 0) + 1);
    expect(Math.min(...counts.values())).toBeGreaterThanOrEqual(options.minRows);
  });

  it('gives the same bits on two threads, and others by another seed', () => {
    const drawn = { ...options, trees: 4, featureFraction: 0.5, groupFraction: 0.6 };
    const one = fitLambdaMart(train, drawn);
    expect(fitLambdaMart(train, { ...drawn, threads: 2 }).onnx).toEqual(one.onnx);
    expect(fitLambdaMart(train, { ...drawn, seed: 2 }).onnx).not.toEqual(one.onnx);
  });

  it('averages its members', () => {
    const two = fitLambdaMart(train, { ...options, trees: 2, members: 2, groupFraction: 0.5 });
    expect(two.ensemble.roots.length).toBe(4);
    const parts = [0, 1].map((member) => {
      const roots = two.ensemble.roots.subarray(2 * member, 2 * member + 2);
      return referenceTreeScores({ ...two.ensemble, roots }, test.features, 5);
    });
    const whole = referenceTreeScores(two.ensemble, test.features, 5);
    whole.forEach((score, row) => {
      expect(score).toBeCloseTo(parts[0][row] + parts[1][row], 9);
    });
    expect(parts[0]).not.toEqual(parts[1]);
    expect(Math.max(...parts[0])).toBeLessThan(
      0.6 *
        Math.max(
          ...referenceTreeScores(fitLambdaMart(train, { ...options, trees: 2 }).ensemble, test.features, 5),
        ) +
        0.2,
    );
  });

  it('stops early and keeps the trees that validate best', () => {
    const figures = [0.1, 0.5, 0.4, 0.45, 0.3, 0.2, 0.9];
    let calls = 0;
    const validation = { examples: test, patience: 3, smoothing: 0, metric: () => figures[calls++] };
    const stopped = fitLambdaMart(train, { ...options, validation });
    expect(stopped.history).toEqual(figures.slice(0, 5));
    expect(stopped.trees).toBe(2);
    expect(stopped.ensemble.roots.length).toBe(2);
    expect(stopped.ensemble).toEqual(fitLambdaMart(train, { ...options, trees: 2 }).ensemble);
  });

  it('smooths what it stops by', () => {
    const figures = [0.1, 0.9, 0.1, 0.5, 0.6, 0.5, 0.1, 0.1, 0.1, 0.1];
    let calls = 0;
    const validation = { examples: test, patience: 20, smoothing: 1, metric: () => figures[calls++] };
    expect(fitLambdaMart(train, { ...options, trees: 10, validation }).trees).toBe(5);
  });

  it('gives a validation metric the scores that it would serve', () => {
    let last = new Float64Array();
    const metric = (scores: Float64Array) => {
      last = scores.slice();
      return 1;
    };
    const validation = { examples: test, patience: 9, smoothing: 0, metric };
    const fitted = fitLambdaMart(train, { ...options, trees: 1, members: 3, groupFraction: 0.5, validation });
    referenceTreeScores(fitted.ensemble, test.features, 5).forEach((score, row) => {
      expect(last[row]).toBeCloseTo(score, 6);
    });
  });

  it('learns nothing from groups without a relevant row', () => {
    const flat = { ...train, labels: new Float32Array(train.rows) };
    const { ensemble } = fitLambdaMart(flat, { ...options, trees: 2 });
    expect([...ensemble.value].every((value) => value === 0)).toBe(true);
  });
});
