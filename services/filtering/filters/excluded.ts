import type { OrdinalSet } from '../../../common/ordinal-set.ts';
import { RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';
import type { Filter } from './filter.ts';
import { listedFilter } from './listed.ts';

/** Removes the items that the request excludes. */
export function excludedFilter(scratch: OrdinalSet): Filter {
  const reason = RemovalReason.REMOVAL_REASON_EXCLUDED;
  return listedFilter({ name: 'excluded', reason }, (context) => context.excluded, scratch);
}
