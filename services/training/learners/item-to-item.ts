import { fitItemToItem, type ItemToItemOptions } from '../../../common/models/item-to-item.ts';
import { recenciesFrom } from '../trials.ts';
import { learner } from './learner.ts';
import { neighbourParts, neighbourScore } from './neighbours.ts';

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
  learn: async (matrix, options) => neighbourParts('item_to_item', fitItemToItem(matrix, options)),
});
