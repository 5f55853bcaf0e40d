import type { OrdinalSet } from '../ordinal-set.ts';
import { seenAt, seenFilterAt } from '../user-state.ts';
import type { Filter } from './filter.ts';
import { listedFilter } from './listed.ts';
import { FILTER_TABLE } from './table.ts';

/**
 * Removes what the user has seen: exactly for the recent part, by a Bloom filter for the older one. A positive of the Bloom
 * filter removes the item, so that nothing seen passes; a false one costs a candidate, at the rate that `measureBloomRate`
 * reports where the exact history is.
 */
export function seenFilter(scratch: OrdinalSet): Filter {
  const { reason } = FILTER_TABLE.seen;
  const recent = listedFilter('seen', ({ user, nowMs }) => seenAt(user, nowMs), scratch);
  let hits = new Uint8Array(0);
  return {
    ...recent,
    apply(items, removed, context) {
      recent.apply(items, removed, context);
      const older = seenFilterAt(context.user, context.nowMs);
      if (older === undefined) return;
      if (hits.length < items.length) hits = new Uint8Array(items.length);
      older.hasAll(items, hits);
      for (let row = 0; row < items.length; row++) {
        if (removed[row] === 0 && hits[row] === 1) removed[row] = reason;
      }
    },
  };
}
