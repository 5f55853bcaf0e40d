import type { Bitset } from '../../../common/bitset.ts';
import { RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';
import type { Filter } from './filter.ts';

/** Removes what is not `listed`: ordinals never given out and items deleted from the catalogue. */
export function unknownItemFilter(listed: Bitset): Filter {
  const reason = RemovalReason.REMOVAL_REASON_UNKNOWN_ITEM;
  return {
    name: 'unknown-item',
    reason,
    apply(items, removed) {
      for (let row = 0; row < items.length; row++) {
        if (removed[row] === 0 && !listed.has(items[row])) removed[row] = reason;
      }
    },
  };
}
