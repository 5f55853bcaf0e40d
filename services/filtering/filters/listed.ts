import type { OrdinalSet } from '../../../common/ordinal-set.ts';
import type { Filter, FilterContext } from './filter.ts';

/** A filter that removes the items of one of the request's lists. `scratch` is refilled on each call and may be shared. */
export function listedFilter(
  traits: Pick<Filter, 'name' | 'reason'>,
  list: (context: FilterContext) => Uint32Array,
  scratch: OrdinalSet,
): Filter {
  return {
    ...traits,
    apply(items, removed, context) {
      const listed = list(context);
      if (listed.length === 0) return;
      scratch.clear();
      scratch.addAll(listed);
      for (let row = 0; row < items.length; row++) {
        if (removed[row] === 0 && scratch.has(items[row])) removed[row] = traits.reason;
      }
    },
  };
}
