import { modelPart } from '../../../common/bundle/learnt-sources.ts';
import {
  encodeItemToItem,
  type ItemToItemModel,
  ItemToItemScorer,
} from '../../../common/models/item-to-item.ts';
import type { Parts } from '../parts.ts';
import type { HistoryScore } from '../trials.ts';

/** The part of a source that answers by neighbours. */
export function neighbourParts(source: 'item_to_item' | 'ease', model: ItemToItemModel): Parts {
  return { [modelPart(source)]: encodeItemToItem(model) };
}

/** Scores as a source of neighbours does. */
export function neighbourScore(model: ItemToItemModel): HistoryScore {
  const scorer = new ItemToItemScorer(model);
  return (history, scores) => {
    scorer.score(history);
    scores.set(scorer.scores);
  };
}
