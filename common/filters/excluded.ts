import type { OrdinalSet } from '../ordinal-set.ts';
import type { Filter } from './filter.ts';
import { listedFilter } from './listed.ts';

/** Removes the items that the request excludes. */
export function excludedFilter(scratch: OrdinalSet): Filter {
  return listedFilter('excluded', ({ excluded }) => excluded, scratch);
}
