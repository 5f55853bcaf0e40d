import { minMax } from './normalise.ts';
import type { Objective } from './objective.ts';

/** The score as the rules left it, by its place between the request's least and largest. */
export const relevance: Objective = {
  write: ({ relevance: scores, items }, out) => {
    out.set(scores);
    minMax(out, items.length);
  },
};
