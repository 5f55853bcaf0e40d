import { monthProtocol } from '../../../services/simulator/parameters.ts';

/** The section `reranking` of each policy's configuration: the order of relevance alone. */
export const GREEDY = { weights: { relevance: 1 } };

/**
 * Several aims, a part of the slate for what is new, the long tail's floor, and three slots in which a bandit draws among the best
 * of what rank alone would not show.
 */
export const FULL = {
  weights: { relevance: 0.75, diversity: 0.2, freshness: 0.05 },
  selector: 'dpp',
  constraints: [{ group: 'fresh', shareMin: 0.1 }],
  groups: {
    tail: { field: 'tail', values: ['long'] },
    fresh: { ageDaysMax: 7 },
  },
  floors: [{ group: 'tail', share: monthProtocol.longTailFloor }],
  floorBudget: 0.2,
  exploration: {
    slots: { bandit: 'linear-thompson', positions: [10, 14, 18], pool: { rows: 20 } },
    reward: { click: 1 },
    rewardWindowMinutes: 600,
  },
};
