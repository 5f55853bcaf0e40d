import { Columns } from '../../../common/columns.ts';
import { minMax } from './normalise.ts';
import type { Objective } from './objective.ts';
import { relevance } from './relevance.ts';

/**
 * The second-stage model's expected seconds, the probability of taking the item up times the seconds if so, by its place between
 * the request's least and largest; relevance where no model predicts seconds.
 */
export const watchTime: Objective = {
  write: (rows, out) => {
    const seconds = rows.column(Columns.watch);
    const probability = rows.column(Columns.second);
    if (seconds === undefined || probability === undefined) {
      relevance.write(rows, out);
      return;
    }
    for (let row = 0; row < seconds.length; row++) out[row] = seconds[row] * probability[row];
    minMax(out, seconds.length);
  },
};
