import { type LearntSource, modelPart } from '../../../common/bundle/learnt-sources.ts';
import { MillraceError } from '../../../common/errors.ts';
import {
  CANDIDATE_FAMILIES,
  chooseAndFit,
  type Settings,
} from '../../../common/models/candidate-families.ts';
import { encodeCatalogueScores } from '../../../common/models/catalogue-scorer.ts';
import type { NcfModel } from '../../../common/models/ncf.ts';
import { fitRunOf, fittedFamily } from './family.ts';
import { learner } from './learner.ts';

/** Above this every request would be too dear. */
const ITEMS_MAX = 50_000;

interface ScoresSettings {
  /** Absent: the family's default. */
  readonly fit?: Settings;
}

/** A family without vectors: it answers by scoring the whole catalogue. CONFIG_INVALID for a catalogue too large for that. */
export function scoresLearner(source: LearntSource) {
  const family = CANDIDATE_FAMILIES[source];
  return learner<ScoresSettings>({
    choose: async (run, trials) => {
      if (trials === undefined) return {};
      const fitRun = { ...fitRunOf(source, run), heldOut: trials.heldOut };
      return { fit: (await chooseAndFit(family, trials.matrix, fitRun)).settings };
    },
    learn: async (matrix, { fit: settings }, run) => {
      const itemCount = matrix.columnCount;
      if (itemCount > ITEMS_MAX)
        throw new MillraceError(
          'CONFIG_INVALID',
          `train.candidates: ${source} scores every item of every request: at most ${ITEMS_MAX}, this catalogue has ${itemCount}`,
        );
      const model = (await fittedFamily(source, matrix, settings, run)) as NcfModel;
      const part = encodeCatalogueScores({ users: run.users, itemCount, onnx: model.toCatalogueOnnx() });
      return { [modelPart(source)]: part };
    },
  });
}
