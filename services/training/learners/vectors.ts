import { EXACT_ROWS_MAX } from '../../../common/ann/create-index.ts';
import { HnswIndex, hnswDefaults } from '../../../common/ann/hnsw.ts';
import { type Space, VectorTable } from '../../../common/ann/vectors.ts';
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
  const { itemFactors, options } = model;
  const parts: Parts = { [modelPart(source)]: encodeIals(model) };
  const factors = itemFactors as Float32Array<ArrayBuffer>;
  const index = await indexBytes(source, factors, options.dim, 'ip', progress);
  return index === undefined ? parts : { ...parts, [indexPart(source)]: index };
}

/** An HNSW index over row-major `vectors`; undefined where exact search is no slower. */
export async function indexBytes(
  source: string,
  vectors: Float32Array<ArrayBuffer>,
  dim: number,
  space: Space,
  progress: Progress,
): Promise<Uint8Array | undefined> {
  const table = new VectorTable(vectors, dim, space);
  if (table.size <= EXACT_ROWS_MAX) return undefined;
  const index = HnswIndex.build(table, hnswDefaults, (rows) => progress(`HNSW ${source}`, rows, table.size));
  return index.toBytes();
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
