import type { OrdinalSet } from '../ordinal-set.ts';
import type { Filter } from './filter.ts';
import { listedFilter } from './listed.ts';

/** Removes the items that the user hid. */
export function hiddenFilter(scratch: OrdinalSet): Filter {
  return listedFilter('hidden', ({ user }) => user.hidden, scratch);
}
