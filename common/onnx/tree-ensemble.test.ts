import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { toBytes } from './encode.ts';
import { Graph } from './graph.ts';
import { reshape } from './operators.ts';
import { FEATURES_INPUT, SCORE_OUTPUT, Scorer } from './scorer.ts';
import { type TreeEnsemble, treeEnsembleRegressor } from './tree-ensemble.ts';
import { readTreeEnsemble, referenceTreeScores } from './tree-ensemble-reference.ts';

const VECTORS = join(resolve(process.env.MILLRACE_SHARED ?? '../shared', 'vectors'), 'ltr/onnx_tree');
const absent = !existsSync(VECTORS);

interface Case {
  model: string;
  x: (number | null)[][];
  expected: number[][];
}

it.skipIf(absent)(
  `reads and evaluates models of others${absent ? ` (skipped: no ${VECTORS}; set MILLRACE_SHARED)` : ''}`,
  () => {
    const cases: Case[] = JSON.parse(readFileSync(join(VECTORS, 'cases.json'), 'utf8'));
    expect(cases.length).toBe(10);
    for (const { model, x, expected } of cases) {
      const ensemble = readTreeEnsemble(readFileSync(join(VECTORS, model)));
      const features = Float32Array.from(x.flat(), (value) => value ?? Number.NaN);
      const scores = referenceTreeScores(ensemble, features, x[0].length);
      scores.forEach((score, row) => {
        expect(Math.abs(score - expected[row][0]), model).toBeLessThan(1e-5);
      });
    }
  },
);

const ensemble: TreeEnsemble = {
  roots: Uint32Array.of(0, 5),
  mode: Uint8Array.of(1, 0, 1, 0, 0, 0),
  feature: Uint32Array.of(1, 0, 0, 0, 0, 0),
  threshold: Float32Array.of(0.5, 0, -1, 0, 0, 0),
  whenTrue: Uint32Array.of(1, 0, 3, 0, 0, 5),
  whenFalse: Uint32Array.of(2, 0, 4, 0, 0, 5),
  missingTrue: Uint8Array.of(0, 0, 1, 0, 0, 0),
  value: Float32Array.of(0, 1, 0, 10, 100, 1000),
  aggregate: 'SUM',
  base: 0.25,
};

it('writes trees that ONNX Runtime, the reader and the reference understand alike, missing values included', async () => {
  const graph = new Graph();
  const features = graph.input(FEATURES_INPUT, ['N', 2]);
  const score = reshape(treeEnsembleRegressor(features, ensemble), ['N'], SCORE_OUTPUT);
  const onnx = toBytes(graph, { outputs: { [SCORE_OUTPUT]: score }, parameters: 'initialisers' });
  const nan = Number.NaN;
  const rows = Float32Array.of(0, 0.5, nan, 0.6, -1, nan, 0, nan, nan, nan);
  const expected = [1001.25, 1010.25, 1010.25, 1100.25, 1010.25];
  await using scorer = await Scorer.open(onnx);
  expect([...(await scorer.run(rows))]).toEqual(expected);
  expect([...referenceTreeScores(ensemble, rows, 2)]).toEqual(expected);
  expect(readTreeEnsemble(onnx)).toEqual(ensemble);
});
