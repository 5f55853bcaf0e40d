import type { User } from '../user-state.ts';
import { FILTER_TABLE, type FilterName } from './table.ts';

/**
 * One reason to remove items. A filter sees the rows not removed by an earlier one and writes its reason into those that it
 * removes. It holds its items' state and keeps nothing of a request.
 */
export interface Filter {
  readonly name: FilterName;
  /**
   * `items`: one ordinal a row. `removed`: the reason a row was removed for, 0 while it is kept; at least as long. Throws where it
   * cannot decide.
   */
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
  /** The viewer; the anonymous user where nothing is known. */
  readonly user: User;
}

/** A filter of items one by one. `begin` is asked once a request for the test of an item; undefined: all items stay. */
export function itemwise(
  name: FilterName,
  begin: (context: FilterContext) => ((item: number) => boolean) | undefined,
): Filter {
  const { reason } = FILTER_TABLE[name];
  return {
    name,
    apply(items, removed, context) {
      const isRemoved = begin(context);
      if (isRemoved === undefined) return;
      for (let row = 0; row < items.length; row++)
        if (removed[row] === 0 && isRemoved(items[row])) removed[row] = reason;
    },
  };
}
