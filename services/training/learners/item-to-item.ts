import { fitItemToItem, type ItemToItemOptions } from '../../../common/models/item-to-item.ts';
import { privateItemToItem } from '../../../common/models/private-counts.ts';
import { recenciesFrom } from '../trials.ts';
import { learner } from './learner.ts';
import { neighbourParts, neighbourScore } from './neighbours.ts';

/** Item-to-item; how fast histories fade, and closeness in them with it, is chosen, unless it learns from private counts. */
export const itemToItemLearner = learner<ItemToItemOptions>({
  choose: async ({ config: { itemToItem, privacy } }, trials) => {
    if (trials === undefined || !trials.ordered || privacy !== undefined) return itemToItem;
    const options = recenciesFrom(itemToItem.recency).map((recency, i) => {
      const distanceHalfLife = recency.floor === 1 ? itemToItem.distanceMax : recency.halfLifeEvents;
      return { ...itemToItem, recency, ...(i > 0 && { distanceHalfLife }) };
    });
    return trials.best(options, (option) => neighbourScore(fitItemToItem(trials.matrix, option)));
  },
  learn: async (matrix, options, { privateCounts }) =>
    neighbourParts(
      'item_to_item',
      privateCounts === undefined
        ? fitItemToItem(matrix, options)
        : privateItemToItem(privateCounts, options),
    ),
});
