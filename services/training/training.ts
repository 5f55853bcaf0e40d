import type { Bundle, BundleStore } from '../../common/bundle/store.ts';
import type { Candidates } from '../../common/columns.ts';
import type { DeclaredFeature } from '../../common/features/declared.ts';
import type { ItemCounters } from '../../common/features/item-counters.ts';
import type { User } from '../../common/user-state.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import type { NoTeacher } from './champion.ts';
import type { TrainConfig } from './config.ts';
import type { LogData } from './dataset/from-log.ts';
import type { Impressions } from './dataset/impressions.ts';
import type { Metrics } from './evaluation.ts';
import type { Holdout } from './holdout.ts';
import type { ChosenSettings } from './parts.ts';
import type { Progress } from './progress.ts';

/** One run of the pipeline: what it learns from, how, and where the result goes. */
export interface Configured {
  readonly data: LogData;
  /** What the ranker learns from; absent: from a replay. */
  readonly impressions?: Impressions;
  readonly config: TrainConfig;
  /** Features that the operator declared. */
  readonly declared: readonly DeclaredFeature[];
  /** Limits of users' states, as the features service has them. */
  readonly limits: UserLimits;
  readonly store: BundleStore;
  /** The bundle that the new one would replace, or why there is none to learn from. */
  readonly champion: Bundle | NoTeacher;
  readonly composition: Composition;
  readonly progress: Progress;
  /** Time of making; names the bundles. Milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/** A run whose sources have their settings. */
export interface Training extends Configured {
  readonly chosen: ChosenSettings;
}

/** What the pipeline needs of the services, which training does not know. */
export interface Composition {
  /** Retrieval as it serves, on a bundle in the store under `home`, with live counters that stand still. */
  openRetrieval(home: string, bundle: string, counters: ItemCounters): Promise<Retrieval>;
  /** Measures the sources and the cascade on a published holdout bundle. */
  evaluate(bundle: string, data: LogData, holdout: Holdout): Promise<Record<string, Metrics>>;
}

/** The candidates service on one bundle, without a server. */
export interface Retrieval extends AsyncDisposable {
  /** Candidates of all sources, or of one alone. */
  retrieve(user: User, timeMs: number, limit: number, source?: string): Promise<Candidates>;
}
