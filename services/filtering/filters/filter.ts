import type { BloomFilter } from '../../../common/bloom/filter.ts';
import type { RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';

/**
 * One reason to remove items. A filter sees the rows not removed by an earlier one and writes its reason into those that it
 * removes. It holds its items' state and keeps nothing of a request.
 */
export interface Filter {
  readonly name: string;
  readonly reason: RemovalReason;
  /** `items`: one ordinal a row. `removed`: the reason a row was removed for, 0 while it is kept; at least as long. */
  apply(items: Uint32Array, removed: Uint8Array, context: FilterContext): void;
}

/** What filters know of a request. */
export interface FilterContext {
  /** The request's time, ms since the Unix epoch. */
  readonly nowMs: number;
  /** ISO 3166 code of the viewer's region; empty: unknown. */
  readonly region: string;
  /** Ordinals that the request excludes. */
  readonly excluded: Uint32Array;
  /** Ordinals that the user hid. */
  readonly hidden: Uint32Array;
  /** Ordinals that the user has seen, the recent ones. */
  readonly seen: Uint32Array;
  /** Those seen before the recent ones. Undefined: none. */
  readonly seenOlder: BloomFilter | undefined;
}
