import {
  encodeItemToItem,
  fitItemToItem,
  type ItemToItemModel,
  type ItemToItemOptions,
  ItemToItemScorer,
} from '../../../common/models/item-to-item.ts';
import { type HistoryScore, recenciesFrom } from '../trials.ts';
import { learner } from './learner.ts';

/** Item-to-item; how fast histories fade, and closeness in them with it, is chosen. */
export const itemToItemLearner = learner<ItemToItemOptions>({
  choose: async ({ config: { itemToItem } }, trials) => {
    if (trials === undefined || !trials.ordered) return itemToItem;
    const options = recenciesFrom(itemToItem.recency).map((recency, i) => {
      const distanceHalfLife = recency.floor === 1 ? itemToItem.distanceMax : recency.halfLifeEvents;
      return { ...itemToItem, recency, ...(i > 0 && { distanceHalfLife }) };
    });
    return trials.best(options, (option) => neighbourScore(fitItemToItem(trials.matrix, option)));
  },
  learn: async (matrix, options) => ({ 'item-to-item': encodeItemToItem(fitItemToItem(matrix, options)) }),
});

/** Scores as a source of neighbours does. */
function neighbourScore(model: ItemToItemModel): HistoryScore {
  const scorer = new ItemToItemScorer(model);
  return (history, scores) => {
    scorer.score(history);
    scores.set(scorer.scores);
  };
}
