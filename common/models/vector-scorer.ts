import { embedding } from '../onnx/embedding.ts';
import { toBytes } from '../onnx/encode.ts';
import { Graph } from '../onnx/graph.ts';
import { mul, reduceSum } from '../onnx/operators.ts';
import { SCORE_OUTPUT, schemaMetadata } from '../onnx/scorer.ts';
import type { VectorModel } from './candidate-model.ts';

/** Inputs of `vectorScorer`: int64 [N] rows of the training matrix and item ordinals. An id outside its table fails the run. */
export const USER_INPUT = 'user';
export const ITEM_INPUT = 'item';

/** A self-contained ONNX file of a vector model: ids of users and items → `score` float32 [N], their inner products. */
export function vectorScorer(
  { dim, userFactors, itemFactors }: VectorModel,
  featureSchemaHash?: string,
): Uint8Array {
  const graph = new Graph();
  const rowsOf = (input: string, name: string, factors: Float32Array) =>
    embedding(
      graph.parameter(name, [factors.length / dim, dim], factors),
      graph.input(input, ['N'], 'int64'),
    );
  const users = rowsOf(USER_INPUT, 'user factors', userFactors);
  const items = rowsOf(ITEM_INPUT, 'item factors', itemFactors);
  const score = reduceSum(mul(users, items), { axes: [1] }, SCORE_OUTPUT);
  const metadata = schemaMetadata(featureSchemaHash);
  return toBytes(graph, { outputs: { [SCORE_OUTPUT]: score }, parameters: 'initialisers', metadata });
}
