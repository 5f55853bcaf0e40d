import type { ItemNumbers } from '../item-numbers.ts';
import { minMax } from './normalise.ts';
import type { Objective } from './objective.ts';

/** An attribute in money, by its place between the request's least and largest; 0 for an item without it. */
export function margin(money: ItemNumbers): Objective {
  return {
    write: ({ items }, out) => {
      for (let row = 0; row < items.length; row++) out[row] = money.at(items[row]);
      minMax(out, items.length);
    },
  };
}
