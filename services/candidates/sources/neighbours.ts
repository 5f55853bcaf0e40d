import { type LearntSource, modelPart } from '../../../common/bundle/learnt-sources.ts';
import {
  decodeItemToItem,
  type ItemToItemModel,
  ItemToItemScorer,
} from '../../../common/models/item-to-item.ts';
import { noRecency } from '../../../common/models/recency.ts';
import { TopK } from '../../../common/top-k.ts';
import type { Hits } from '../hits.ts';
import type { Query } from '../query.ts';
import type { Source, SourceContext } from './source.ts';

/** Items by the sum of the weights towards them from the latest positives, the later the heavier, or from the seeds. */
export async function openNeighbours(
  name: LearntSource,
  { bundle, config }: SourceContext,
): Promise<Source | undefined> {
  if (!bundle.has(modelPart(name))) return undefined;
  return new NeighbourSource(
    await bundle.decoded(modelPart(name), decodeItemToItem),
    config.neighbours.historyMax,
  );
}

class NeighbourSource implements Source {
  readonly #byHistory: ItemToItemScorer;
  readonly #bySeeds: ItemToItemScorer;
  readonly #historyMax: number;
  readonly #top = new TopK();

  constructor(model: ItemToItemModel, historyMax: number) {
    this.#byHistory = new ItemToItemScorer(model);
    this.#bySeeds = new ItemToItemScorer({ ...model, options: { ...model.options, recency: noRecency } });
    this.#historyMax = historyMax;
  }

  retrieve(query: Query, quota: number, out: Hits): void {
    const { items, weights } = query.latest(this.#historyMax);
    const scorer = query.seeded ? this.#bySeeds : this.#byHistory;
    const count = scorer.score(items, weights);
    const { touched, scores } = scorer;
    const top = this.#top;
    top.reset(quota);
    for (let i = 0; i < count; i++) {
      const item = touched[i];
      if (scores[item] >= top.floor && !query.skips(item)) top.offer(item, scores[item]);
    }
    const found = top.sort();
    for (let i = 0; i < found; i++) out.push(top.rows[i], top.scores[i]);
  }
}
