import type { OrdinalSet } from '../ordinal-set.ts';
import { type Filter, type FilterContext, itemwise } from './filter.ts';
import { type LabelSets, NO_LABELS } from './label-sets.ts';
import type { FilterName } from './table.ts';

/** Removes items that have labels of which the viewer has none. `scratch` is refilled on each call and may be shared. */
export function limitedFilter(
  name: FilterName,
  labels: LabelSets,
  viewerLabels: (context: FilterContext) => readonly string[],
  scratch: OrdinalSet,
): Filter {
  const isOutside = (item: number): boolean => {
    const set = labels.setOf(item);
    return set !== NO_LABELS && !scratch.has(set);
  };
  return itemwise(name, (context) => {
    if (labels.isEmpty) return undefined;
    scratch.clear();
    labels.collect(viewerLabels(context), scratch);
    return isOutside;
  });
}
