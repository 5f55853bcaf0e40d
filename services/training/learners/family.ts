import { type LearntSource, modelPart } from '../../../common/bundle/learnt-sources.ts';
import {
  CANDIDATE_FAMILIES,
  chooseAndFit,
  type Settings,
} from '../../../common/models/candidate-families.ts';
import type { CandidateModel, FitRun, VectorModel } from '../../../common/models/candidate-model.ts';
import { type FoldIn, foldable } from '../../../common/models/foldable.ts';
import type { InteractionMatrix } from '../../../common/models/interactions.ts';
import { noRecency } from '../../../common/models/recency.ts';
import { heldOutOf, recenciesFrom } from '../trials.ts';
import { type LearnRun, learner } from './learner.ts';
import { foldedScore, vectorParts } from './vectors.ts';

/** λ tried for folding a history in: from its exact explanation to the mean of its items. */
const FOLD_IN_REGULARISATIONS = [0.01, 0.1, 10];

interface FamilySettings {
  /** Absent: the family's default. */
  readonly fit?: Settings;
  readonly foldIn: FoldIn;
}

/** A family of vector models: its settings, and how histories are folded in, are chosen. */
export function familyLearner(source: LearntSource) {
  const family = CANDIDATE_FAMILIES[source];
  return learner<FamilySettings>({
    choose: async (run, trials) => {
      if (trials === undefined) {
        const foldIn = { regularisation: FOLD_IN_REGULARISATIONS[0], recency: noRecency };
        return { foldIn };
      }
      const fitRun = { ...fitRunOf(source, run), heldOut: trials.heldOut };
      const { model, settings } = await chooseAndFit(family, trials.matrix, fitRun);
      const recencies = trials.ordered ? recenciesFrom(run.config.ials.foldInRecency) : [noRecency];
      const foldIns = FOLD_IN_REGULARISATIONS.flatMap((regularisation) =>
        recencies.map((recency): FoldIn => ({ regularisation, recency })),
      );
      const { seed } = run.config;
      const foldIn = await trials.best(foldIns, (option) =>
        foldedScore(foldable(vectors(model), option, seed)),
      );
      return { fit: settings, foldIn };
    },
    learn: async (matrix, { fit: settings, foldIn }, run) => {
      const model = await fittedFamily(source, matrix, settings, run);
      return vectorParts(source, foldable(vectors(model), foldIn, run.config.seed), run.progress);
    },
  });
}

/** The family's model, stopped by the last pairs of some users; `settings` absent: its default. */
export function fittedFamily(
  source: LearntSource,
  matrix: InteractionMatrix,
  settings: Settings | undefined,
  run: LearnRun,
): Promise<CandidateModel> {
  const family = CANDIDATE_FAMILIES[source];
  const { matrix: rest, heldOut } = heldOutOf(matrix, run.config);
  return family.fit(rest, settings ?? family.grid(rest)[0], { ...fitRunOf(source, run), heldOut });
}

export function fitRunOf(source: LearntSource, { config, progress }: LearnRun): FitRun {
  return {
    seed: config.seed,
    threads: config.threads,
    onProgress: (done, total) => progress(modelPart(source), done, total),
  };
}

function vectors(model: CandidateModel): VectorModel {
  return model as VectorModel;
}
