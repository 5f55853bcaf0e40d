import { hash32 } from '../../common/random.ts';
import type { OrchestratorConfig } from './config.ts';

type Experiment = NonNullable<OrchestratorConfig['experiment']>;

/**
 * The variant of a user: a stable hash of user and salt in [0, 1) falls into one variant's share, or into none, which is the
 * control. The same user gets the same variant in every process, as long as salt and shares stay.
 */
export function assignVariant(
  experiment: Experiment | undefined,
  userId: string,
): Experiment['variants'][number] | undefined {
  if (experiment === undefined) return undefined;
  let point = hash32(userId, hash32(experiment.salt)) / 2 ** 32;
  for (const variant of experiment.variants) {
    if (point < variant.share) return variant;
    point -= variant.share;
  }
  return undefined;
}
