import type { OrdinalSet } from '../ordinal-set.ts';
import { type Filter, itemwise } from './filter.ts';

/** Removes every row whose item stood in an earlier row that is still kept. `scratch` is refilled on each call. */
export function duplicateFilter(scratch: OrdinalSet): Filter {
  const isThere = (item: number): boolean => !scratch.add(item);
  return itemwise('duplicate', () => {
    scratch.clear();
    return isThere;
  });
}
