import type { VectoriserInput } from '../../../common/features/request.ts';
import { hash32 } from '../../../common/random.ts';
import { ChurnSummary } from '../../../common/stability/churn-summary.ts';
import { drift } from '../../../common/stability/score-regularisation.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import type { Scored, SecondStage } from './second-stage.ts';

const CUT_OFF = 10;

/** Whether a request is one of the `share` whose drift is measured. */
export function measuresDrift(requestId: string, share: number): boolean {
  return hash32(`drift ${requestId}`) < share * 2 ** 32;
}

/** A request as the student scored it. */
export interface Sample {
  readonly input: VectoriserInput;
  readonly scored: Scored;
  readonly student: SecondStage;
}

/** Scores the same rows with the teacher and exports how far the student of `bundle` is from it. */
export async function exportDrift(
  bundle: string,
  teacher: SecondStage,
  { input, scored, student }: Sample,
): Promise<void> {
  const expected = await teacher.scoresOf(input, scored, student);
  const churn = new ChurnSummary(CUT_OFF);
  churn.add(scored.scores, expected);
  const { overlap, rbo } = churn.means();
  metrics.scoreDrift.observe({ bundle }, drift(scored.scores, expected, 'squared-error'));
  metrics.scoreChurn.observe({ bundle, measure: 'top10' }, 1 - overlap);
  metrics.scoreChurn.observe({ bundle, measure: 'rbo' }, 1 - rbo);
}
