import { Candidates, Columns } from '../../common/columns.ts';
import type { FeatureSchema } from '../../common/features/declarations.ts';
import type { ItemColumns } from '../../common/features/item-columns.ts';
import { Vectoriser, type VectoriserInput } from '../../common/features/vectoriser.ts';
import type { Scorer } from '../../common/onnx/scorer.ts';

/** One bundle's first-stage ranker: features, then the model. */
export class RankStage {
  readonly #vectoriser: Vectoriser;
  readonly #scorer: Scorer;

  constructor(items: ItemColumns, schema: FeatureSchema, scorer: Scorer) {
    this.#vectoriser = new Vectoriser(items, schema);
    this.#scorer = scorer;
  }

  /** The candidates, same rows in the same order, with `score.ranking` alone: the probability of a positive. */
  async rank(input: VectoriserInput): Promise<Candidates> {
    const scores = await this.#scorer.run(this.#vectoriser.vectorise(input));
    return new Candidates(input.candidates.items, new Map([[Columns.ranking, scores]]), input.candidates.ids);
  }

  close(): Promise<void> {
    return this.#scorer[Symbol.asyncDispose]();
  }
}
