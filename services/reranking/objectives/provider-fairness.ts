import type { ItemValues } from '../../../common/catalogue/item-values.ts';
import type { ValueExposure } from '../fairness/value-exposure.ts';
import type { Objective } from './objective.ts';

/**
 * How far an item's providers are behind: 1 − exposure / fair share, at least 0, where a provider's fair share of the slots is its
 * share of the items; of several providers the one furthest behind counts. 0 for an item without a provider, and for all before
 * anything was shown.
 */
export function providerFairness(providers: ItemValues, exposure: ValueExposure): Objective {
  return {
    write: ({ items }, out) => {
      for (let row = 0; row < items.length; row++) {
        let behind = 0;
        for (let i = 0; i < providers.lengthOf(items[row]); i++)
          behind = Math.max(behind, 1 - exposure.relative(providers.at(items[row], i)));
        out[row] = behind;
      }
    },
  };
}
