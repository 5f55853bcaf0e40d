import type { LearntSource } from '../../../common/bundle/learnt-sources.ts';
import { ialsLearner } from './ials.ts';
import { itemToItemLearner } from './item-to-item.ts';
import type { Learner } from './learner.ts';

/** How each learnt source is learnt. */
export const LEARNERS: Readonly<Record<LearntSource, Learner>> = {
  ials: ialsLearner,
  item_to_item: itemToItemLearner,
};
