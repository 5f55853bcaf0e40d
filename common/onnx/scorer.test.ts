import { describe, expect, it } from 'vitest';
import { toBytes } from './encode.ts';
import { Graph } from './graph.ts';
import { matmul, reshape } from './operators.ts';
import { FEATURE_SCHEMA_KEY, FEATURES_INPUT, SCORE_OUTPUT, Scorer } from './scorer.ts';

/** Scores a row by the sum of its three features. */
function sumModel(input = FEATURES_INPUT, output = SCORE_OUTPUT): Uint8Array {
  const graph = new Graph();
  const x = graph.input(input, ['N', 3]);
  const score = reshape(matmul(x, graph.parameter('w', [3, 1], Float32Array.of(1, 1, 1))), ['N']);
  const metadata = { [FEATURE_SCHEMA_KEY]: 'abc' };
  return toBytes(graph, { outputs: { [output]: score }, parameters: 'initialisers', metadata });
}

describe('Scorer', () => {
  it('scores any number of rows, none included', async () => {
    await using scorer = await Scorer.open(sumModel(), { width: 3, featureSchemaHash: 'abc' });
    expect(scorer.metadata.get(FEATURE_SCHEMA_KEY)).toBe('abc');
    expect([...(await scorer.run(Float32Array.of(1, 2, 3)))]).toEqual([6]);
    expect([...(await scorer.run(Float32Array.of(1, 2, 3, 4, 5, 6)))]).toEqual([6, 15]);
    expect(await scorer.run(new Float32Array(0))).toHaveLength(0);
  });

  it('reads a view into a larger array', async () => {
    await using scorer = await Scorer.open(sumModel());
    const features = Float32Array.of(9, 9, 9, 1, 2, 3, 9).subarray(3, 6);
    expect([...(await scorer.run(features))]).toEqual([6]);
  });

  it('gives each of several calls at once its own answer', async () => {
    await using scorer = await Scorer.open(sumModel());
    const answers = await Promise.all([1, 2, 3].map((value) => scorer.run(new Float32Array(3).fill(value))));
    expect(answers.map(([score]) => score)).toEqual([3, 6, 9]);
  });

  it('refuses features that do not fill their rows', async () => {
    await using scorer = await Scorer.open(sumModel());
    await expect(scorer.run(new Float32Array(4))).rejects.toThrow('4 features do not make rows of 3');
  });

  it('refuses a model of another width, schema or shape, and what is no model', async () => {
    await expect(Scorer.open(sumModel(), { width: 4 })).rejects.toThrow('has width 3, expected 4');
    await expect(Scorer.open(sumModel(), { featureSchemaHash: 'xyz' })).rejects.toThrow(
      'schema abc, not xyz',
    );
    await expect(Scorer.open(sumModel('x'))).rejects.toThrow('maps x to score');
    await expect(Scorer.open(sumModel(FEATURES_INPUT, 'y'))).rejects.toThrow('maps features to y');
    await expect(Scorer.open(Uint8Array.of(255, 255, 255))).rejects.toThrow('not an ONNX model');
  });
});
