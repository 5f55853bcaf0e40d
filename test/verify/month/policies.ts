import { monthProtocol } from '../../../services/simulator/parameters.ts';

/** The section `reranking` of each policy's configuration: the order of relevance alone. */
export const GREEDY = { weights: { relevance: 1 } };

/** Several aims, a part of the slate for what is new, and the long tail's floor. */
export const FULL = {
  weights: { relevance: 0.75, diversity: 0.2, freshness: 0.05 },
  selector: 'dpp',
  groups: {
    tail: { field: 'tail', values: ['long'] },
    fresh: { ageDaysMax: 7 },
  },
  floors: [{ group: 'tail', share: monthProtocol.longTailFloor }],
  floorBudget: 0.2,
  constraints: [{ group: 'fresh', shareMin: 0.1 }],
};
