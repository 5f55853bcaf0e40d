import { minMax } from './normalise.ts';
import type { Objective } from './objective.ts';

/**
 * Self-information of an item's popularity, −log2 of its share of all interactions (Zhou et al. 2010), by its place between the
 * request's least and largest. `popularity`: interactions by ordinal; an item past its end or without any counts as having one.
 */
export function novelty(popularity: Float32Array): Objective {
  const bits = popularity.map((count) => -Math.log2(Math.max(1, count)));
  return {
    write: ({ items }, out) => {
      for (let row = 0; row < items.length; row++) out[row] = items[row] < bits.length ? bits[items[row]] : 0;
      minMax(out, items.length);
    },
  };
}
