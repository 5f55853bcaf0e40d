import type { Settings } from '../../../common/models/candidate-families.ts';
import type { InteractionMatrix } from '../../../common/models/interactions.ts';
import type { PrivateCounts } from '../../../common/models/private-counts.ts';
import type { TrainConfig } from '../config.ts';
import type { Parts } from '../parts.ts';
import type { Progress } from '../progress.ts';
import type { Trials } from '../trials.ts';

/** What every fit of a run is given. */
export interface LearnRun {
  readonly config: TrainConfig;
  readonly progress: Progress;
  /** Ids of the matrices' rows. */
  readonly users: readonly string[];
  /** What sources that can learn from private counts learn from, where `config.privacy` asks for it. */
  readonly privateCounts?: PrivateCounts | undefined;
}

/** How the model behind one source is learnt. */
export interface Learner {
  /** The settings for this data: those configured; what they leave open is chosen by `trials`, where there are any. */
  choose(run: LearnRun, trials: Trials | undefined): Promise<Settings>;
  /** The parts of a bundle from which the source answers. `settings`: what `choose` answered. */
  learn(matrix: InteractionMatrix, settings: Settings, run: LearnRun): Promise<Parts>;
}

/** A learner whose settings have a type of their own. */
export function learner<S extends object>(typed: {
  choose(run: LearnRun, trials: Trials | undefined): Promise<S>;
  learn(matrix: InteractionMatrix, settings: S, run: LearnRun): Promise<Parts>;
}): Learner {
  return typed as unknown as Learner;
}
