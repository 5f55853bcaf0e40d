import { type LearntSource, modelPart } from '../../../common/bundle/learnt-sources.ts';
import { CatalogueScorer, decodeCatalogueScores } from '../../../common/models/catalogue-scorer.ts';
import { TopK } from '../../../common/top-k.ts';
import type { Hits } from '../hits.ts';
import type { Query } from '../query.ts';
import type { Source, SourceContext } from './source.ts';

/** The best of all items by a model's score, for users that it knows by id; it has nothing to say to others, or to seeds. */
export async function openScores(name: LearntSource, { bundle }: SourceContext): Promise<Source | undefined> {
  if (!bundle.has(modelPart(name))) return undefined;
  const scorer = await CatalogueScorer.open(decodeCatalogueScores(await bundle.read(modelPart(name))));
  return {
    async retrieve(query: Query, quota: number, out: Hits): Promise<void> {
      const scores = query.seeded ? undefined : await scorer.scores(query.userId);
      if (scores === undefined) return;
      const top = new TopK(quota);
      top.reset(quota);
      for (let item = 0; item < scores.length; item++)
        if (scores[item] >= top.floor && !query.skips(item)) top.offer(item, scores[item]);
      const found = top.sort();
      for (let i = 0; i < found; i++) out.push(top.rows[i], top.scores[i]);
    },
    close: () => void scorer.close(),
  };
}
