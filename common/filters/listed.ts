import type { OrdinalSet } from '../ordinal-set.ts';
import { type Filter, type FilterContext, itemwise } from './filter.ts';
import type { FilterName } from './table.ts';

/** A filter that removes the items of one of the request's lists. `scratch` is refilled on each call and may be shared. */
export function listedFilter(
  name: FilterName,
  list: (context: FilterContext) => Uint32Array,
  scratch: OrdinalSet,
): Filter {
  const isListed = (item: number): boolean => scratch.has(item);
  return itemwise(name, (context) => {
    const listed = list(context);
    if (listed.length === 0) return undefined;
    scratch.clear();
    scratch.addAll(listed);
    return isListed;
  });
}
