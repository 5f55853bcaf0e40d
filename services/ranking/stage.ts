import { Candidates, Columns } from '../../common/columns.ts';
import type { VectoriserInput } from '../../common/features/request.ts';
import type { ModelRows, ServedModel } from '../../common/features/served-model.ts';

/** The scores, and what the model was fed for them. */
export interface Ranked extends ModelRows {
  /** The candidates, same rows in the same order, with `score.ranking` alone: the probability of a positive. */
  readonly candidates: Candidates;
}

/** One bundle's first-stage ranker. Features are made before it returns: what changes while the model runs is not in them. */
export async function rank(model: ServedModel, input: VectoriserInput): Promise<Ranked> {
  const { items, ids } = input.candidates;
  const rows = model.rows(input);
  const scores = await model.score(rows);
  return { ...rows, candidates: new Candidates(items, new Map([[Columns.ranking, scores]]), ids) };
}
