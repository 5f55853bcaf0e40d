import type { ItemNumbers } from '../item-numbers.ts';
import type { Objective } from './objective.ts';

const DAY_MS = 86_400_000;

/** 2^(−age / half-life), age counted from the start of availability: 1 at the start, 0 for an item without one. */
export function freshness(startMs: ItemNumbers, halfLifeDays: number): Objective {
  const perMs = 1 / (halfLifeDays * DAY_MS);
  return {
    write: ({ items, nowMs }, out) => {
      for (let row = 0; row < items.length; row++) {
        const age = nowMs - startMs.at(items[row]);
        out[row] = Number.isNaN(age) ? 0 : 2 ** (-Math.max(0, age) * perMs);
      }
    },
  };
}
