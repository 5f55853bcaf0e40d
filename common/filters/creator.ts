import type { OrdinalSet } from '../ordinal-set.ts';
import { type Filter, itemwise } from './filter.ts';
import type { LabelSets } from './label-sets.ts';
import { labelsOf } from './words.ts';

/** Removes items of which the user blocked a creator. `names`: the user's attribute that lists blocked creators. */
export function creatorFilter(creators: LabelSets, names: readonly string[], scratch: OrdinalSet): Filter {
  const isBlocked = (item: number): boolean => scratch.has(creators.setOf(item));
  return itemwise('creator', ({ user }) => {
    if (creators.isEmpty) return undefined;
    const blocked = labelsOf(user.profile, names);
    if (blocked.length === 0) return undefined;
    scratch.clear();
    creators.collect(blocked, scratch);
    return isBlocked;
  });
}
