import type { OrdinalSet } from '../../../common/ordinal-set.ts';
import { RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';
import type { Filter } from './filter.ts';

/** Removes every row whose item stood in an earlier row that is still kept. `scratch` is refilled on each call. */
export function duplicateFilter(scratch: OrdinalSet): Filter {
  const reason = RemovalReason.REMOVAL_REASON_DUPLICATE;
  return {
    name: 'duplicate',
    reason,
    apply(items, removed) {
      scratch.clear();
      for (let row = 0; row < items.length; row++) {
        if (removed[row] === 0 && !scratch.add(items[row])) removed[row] = reason;
      }
    },
  };
}
