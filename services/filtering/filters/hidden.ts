import type { OrdinalSet } from '../../../common/ordinal-set.ts';
import { RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';
import type { Filter } from './filter.ts';
import { listedFilter } from './listed.ts';

/** Removes the items that the user hid. */
export function hiddenFilter(scratch: OrdinalSet): Filter {
  const reason = RemovalReason.REMOVAL_REASON_HIDDEN;
  return listedFilter({ name: 'hidden', reason }, (context) => context.hidden, scratch);
}
