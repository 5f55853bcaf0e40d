import {
  type EaseOptions,
  easeGrid,
  easeNeighbours,
  easeTrial,
  fitEase,
} from '../../../common/models/ease.ts';
import type { ItemToItemModel } from '../../../common/models/item-to-item.ts';
import { noRecency, type RecencyOptions } from '../../../common/models/recency.ts';
import { recenciesFrom } from '../trials.ts';
import { learner } from './learner.ts';
import { neighbourParts, neighbourScore } from './neighbours.ts';

interface EaseSettings {
  readonly fit: EaseOptions;
  /** How fast histories fade when they are scored from. */
  readonly recency: RecencyOptions;
}

/** EASE, cut to each item's strongest weights; its λ and how fast histories fade are chosen together. */
export const easeLearner = learner<EaseSettings>({
  choose: async ({ config }, trials) => {
    if (trials === undefined) return { fit: easeGrid[0], recency: noRecency };
    const { neighbours, recency } = config.itemToItem;
    const recencies = trials.ordered ? recenciesFrom(recency) : [noRecency];
    const options: (EaseSettings & { model: ItemToItemModel })[] = [];
    for (const fit of easeGrid) {
      const fitted = await fitEase(trials.matrix, easeTrial(fit), config.threads);
      const model = easeNeighbours(fitted, neighbours);
      for (const faded of recencies) options.push({ fit, recency: faded, model: withRecency(model, faded) });
    }
    const { model: _, ...best } = await trials.best(options, ({ model }) => neighbourScore(model));
    return best;
  },
  learn: async (matrix, { fit, recency }, { config }) => {
    const model = easeNeighbours(await fitEase(matrix, fit, config.threads), config.itemToItem.neighbours);
    return neighbourParts('ease', withRecency(model, recency));
  },
});

function withRecency(model: ItemToItemModel, recency: RecencyOptions): ItemToItemModel {
  return { ...model, options: { ...model.options, recency } };
}
