import type { OrdinalSet } from '../ordinal-set.ts';
import type { Filter } from './filter.ts';
import type { LabelSets } from './label-sets.ts';
import { limitedFilter } from './limited.ts';

/** ISO 3166 codes as they are compared: equal or not, so that `DE` does not contain `DE-BY`. */
export function regionLabels(codes: readonly string[]): string[] {
  return codes.map((code) => code.toUpperCase());
}

/** Removes items limited to regions of which the viewer's is none; where the viewer's is unknown, all items with limits. */
export function regionFilter(regions: LabelSets, scratch: OrdinalSet): Filter {
  return limitedFilter('region', regions, ({ region }) => regionLabels([region]), scratch);
}
