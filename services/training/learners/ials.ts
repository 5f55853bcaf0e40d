import { fitIals, type IalsOptions } from '../../../common/models/ials.ts';
import type { InteractionMatrix } from '../../../common/models/interactions.ts';
import { recenciesFrom } from '../trials.ts';
import { type LearnRun, learner } from './learner.ts';
import { foldedScore, vectorParts } from './vectors.ts';

/** iALS; how fast the histories that are folded in fade is chosen. */
export const ialsLearner = learner<IalsOptions>({
  choose: async (run, trials) => {
    const options = { ...run.config.ials, seed: run.config.seed };
    if (trials === undefined || !trials.ordered) return options;
    const model = fitted(trials.matrix, options, run);
    const foldInRecency = await trials.best(recenciesFrom(options.foldInRecency), (recency) =>
      foldedScore({ ...model, options: { ...model.options, foldInRecency: recency } }),
    );
    return { ...options, foldInRecency };
  },
  learn: (matrix, options, run) => vectorParts('ials', fitted(matrix, options, run), run.progress),
});

function fitted(matrix: InteractionMatrix, options: IalsOptions, { progress }: LearnRun) {
  return fitIals(matrix, options, (done, total) => progress('iALS', done, total));
}
