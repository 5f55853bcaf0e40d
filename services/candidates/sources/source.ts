import type { Bundle } from '../../../common/bundle/store.ts';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import type { CounterFeed } from '../../../common/features/counter-feed.ts';
import type { CandidatesConfig } from '../config.ts';
import type { Hits } from '../hits.ts';
import type { Query } from '../query.ts';

/** A retrieval source of one bundle. Its scratch serves calls that overlap only at their awaits. */
export interface Source {
  /**
   * Fills `out` with at most `quota` items that `query` does not skip. A promise is waited for within the request's
   * deadline; other work must be bounded by the quota and the limits of the configuration.
   */
  retrieve(query: Query, quota: number, out: Hits): void | Promise<void>;
  /** Frees what memory management does not. */
  close?(): void;
}

/** Item counters as they come. */
export type LiveCounters = Pick<CounterFeed, 'current' | 'onVersion'>;

/** What a source is made from. */
export interface SourceContext {
  readonly bundle: Bundle;
  /** Follows the features service; ahead of the bundle's own. */
  readonly catalogue: Catalogue;
  readonly counters: LiveCounters;
  readonly config: CandidatesConfig;
}

/** One row of the table of sources. */
export interface SourceKind {
  /** True if it answers by the query's items, and so has nothing to say to somebody new. */
  readonly personal: boolean;
  /** Undefined where the bundle has no part for it. */
  open(context: SourceContext): Promise<Source | undefined>;
}
