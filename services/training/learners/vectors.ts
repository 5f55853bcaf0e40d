import { EXACT_ROWS_MAX } from '../../../common/ann/create-index.ts';
import { HnswIndex, hnswDefaults } from '../../../common/ann/hnsw.ts';
import { VectorTable } from '../../../common/ann/vectors.ts';
import { indexPart, type LearntSource, modelPart } from '../../../common/bundle/learnt-sources.ts';
import { encodeIals, type IalsModel, IalsUserSolver } from '../../../common/models/ials.ts';
import type { Parts } from '../parts.ts';
import type { Progress } from '../progress.ts';
import type { HistoryScore } from '../trials.ts';

/** The model's part, and an HNSW index where exact search would be slower. */
export async function vectorParts(
  source: LearntSource,
  model: IalsModel,
  progress: Progress,
): Promise<Parts> {
  const { itemFactors, itemCount, options } = model;
  const parts: Parts = { [modelPart(source)]: encodeIals(model) };
  if (itemCount <= EXACT_ROWS_MAX) return parts;
  const table = new VectorTable(itemFactors as Float32Array<ArrayBuffer>, options.dim, 'ip');
  const index = HnswIndex.build(table, hnswDefaults, (rows) => progress(`HNSW ${source}`, rows, itemCount));
  return { ...parts, [indexPart(source)]: await index.toBytes() };
}

/** Scores by the vector that serving would fold a history into. */
export function foldedScore(model: IalsModel): HistoryScore {
  const solver = new IalsUserSolver(model);
  const { dim } = model.options;
  const vector = new Float32Array(dim);
  return (history, scores) => {
    solver.solve(history, undefined, vector);
    for (let item = 0, at = 0; item < scores.length; item++) {
      let score = 0;
      for (let i = 0; i < dim; i++) score += vector[i] * model.itemFactors[at++];
      scores[item] = score;
    }
  };
}
