import type { OrdinalSet } from '../ordinal-set.ts';
import type { Filter } from './filter.ts';
import type { LabelSets } from './label-sets.ts';
import { limitedFilter } from './limited.ts';
import { labelsOf } from './words.ts';

/** Removes items for segments of which the viewer is in none. `names`: the user's attribute that lists segments. */
export function segmentFilter(segments: LabelSets, names: readonly string[], scratch: OrdinalSet): Filter {
  return limitedFilter('segment', segments, ({ user }) => labelsOf(user.profile, names), scratch);
}
