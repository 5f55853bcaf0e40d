import type { LearntSource } from '../../../common/bundle/learnt-sources.ts';
import { easeLearner } from './ease.ts';
import { familyLearner } from './family.ts';
import { ialsLearner } from './ials.ts';
import { itemToItemLearner } from './item-to-item.ts';
import type { Learner } from './learner.ts';
import { scoresLearner } from './scores.ts';

/** How each learnt source is learnt. */
export const LEARNERS: Readonly<Record<LearntSource, Learner>> = {
  ials: ialsLearner,
  item_to_item: itemToItemLearner,
  ease: easeLearner,
  bprmf: familyLearner('bprmf'),
  lightgcn: familyLearner('lightgcn'),
  svd: familyLearner('svd'),
  als: familyLearner('als'),
  gmf: familyLearner('gmf'),
  twotower: familyLearner('twotower'),
  mlp: scoresLearner('mlp'),
  neumf: scoresLearner('neumf'),
};
