import { Candidates, Columns } from '../../common/columns.ts';
import type { ItemColumns } from '../../common/features/item-columns.ts';
import type { VectoriserInput } from '../../common/features/request.ts';
import type { FeatureSchema } from '../../common/features/schema.ts';
import { Vectoriser } from '../../common/features/vectoriser.ts';
import type { Scorer } from '../../common/onnx/scorer.ts';

/** The scores, and what the model was fed for them. */
export interface Ranked {
  /** The candidates, same rows in the same order, with `score.ranking` alone: the probability of a positive. */
  readonly candidates: Candidates;
  /** `count` × the schema's width, row-major. */
  readonly features: Float32Array;
  /** Names of features of which a value was there but not of its type. */
  readonly failed: readonly string[];
}

/** One bundle's first-stage ranker: features, then the model. */
export class RankStage {
  readonly schema: FeatureSchema;
  readonly #vectoriser: Vectoriser;
  readonly #scorer: Scorer;

  constructor(items: ItemColumns, schema: FeatureSchema, scorer: Scorer) {
    this.schema = schema;
    this.#vectoriser = new Vectoriser(items, schema);
    this.#scorer = scorer;
  }

  /** Features are made before it returns: what changes while the model runs is not in them. */
  async rank(input: VectoriserInput): Promise<Ranked> {
    const { items, ids } = input.candidates;
    const features = this.#vectoriser.vectorise(input);
    const { failed } = this.#vectoriser;
    const scores = await this.#scorer.run(features);
    return { candidates: new Candidates(items, new Map([[Columns.ranking, scores]]), ids), features, failed };
  }

  close(): Promise<void> {
    this.#vectoriser.close();
    return this.#scorer[Symbol.asyncDispose]();
  }
}
