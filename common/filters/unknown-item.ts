import type { Bitset } from '../bitset.ts';
import { type Filter, itemwise } from './filter.ts';

/** Removes what is not `listed`: ordinals never given out and items deleted from the catalogue. */
export function unknownItemFilter(listed: Bitset): Filter {
  const isUnknown = (item: number): boolean => !listed.has(item);
  return itemwise('unknown-item', () => isUnknown);
}
