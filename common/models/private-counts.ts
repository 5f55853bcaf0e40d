import { z } from 'zod';
import type { PrivacyLoss } from '../privacy/accountant.ts';
import { ExactNoise } from '../privacy/exact-noise.ts';
import { noiseMechanism } from '../privacy/mechanisms.ts';
import { TopK } from '../top-k.ts';
import type { InteractionMatrix } from './interactions.ts';
import type { ItemToItemModel, ItemToItemOptions } from './item-to-item.ts';
import type { PopularityModel } from './popularity.ts';

/** How people's counts are made private. */
export const privateCountsSchema = z.strictObject({
  /** What all that is published may tell of any one user. */
  epsilon: z.number().positive().max(1_000),
  /** The probability with which it may tell more. */
  delta: z.number().gt(0).lt(1).default(1e-6),
  /** Latest items of a user that count; earlier ones do not. */
  itemsPerUser: z.number().int().min(1).max(10_000).default(50),
  /** Pairs of a user's items further apart than so many events do not count. */
  distanceMax: z.number().int().min(1).max(100).default(5),
  /** Items among which pairs are counted: those that are popular by the private counts. */
  itemsMax: z.number().int().min(2).max(20_000).default(200),
});
export type PrivateCountsOptions = z.output<typeof privateCountsSchema>;

/** Share of a user's squared contribution that their items have; the rest is their pairs'. */
const ITEMS_SHARE = 0.5;
/** Units of a pair: weights are whole numbers of them. */
const PAIR_UNITS = 16;

/** Noisy counts of one release. */
export interface PrivateCounts {
  /** By ordinal: users with the item, noise added; may be negative. */
  readonly users: Float64Array;
  /** Ordinals among which pairs are counted, by noisy count. */
  readonly items: Uint32Array;
  /** For row i and column j < i of `items`: closeness summed over users, noise added, at i (i − 1) / 2 + j. */
  readonly pairs: Float64Array;
  /** Standard deviation of the noise in `pairs`. */
  readonly pairDeviation: number;
  /** Of this release. */
  readonly loss: PrivacyLoss;
}

/**
 * Users per item and closeness of pairs of items as `ItemToItemModel` has it (both directions alike), released by the discrete
 * Gaussian mechanism: all `releases` together are (ε, δ)-private for the data with and without any one user, whatever else that user
 * did, as of each only the latest items and near pairs count. The items of the pairs are chosen by the noisy counts, which costs
 * nothing more; composition is that of zero-concentrated privacy (Bun, Steinke 2016).
 */
export function privateCounts(
  matrix: InteractionMatrix,
  options: PrivateCountsOptions,
  {
    releases,
    distanceHalfLife,
    noise = new ExactNoise(),
  }: { releases: number; distanceHalfLife: number; noise?: ExactNoise },
): PrivateCounts {
  const { itemsPerUser, distanceMax, itemsMax } = options;
  const weights = Array.from({ length: distanceMax }, (_, d) =>
    Math.round(PAIR_UNITS * 2 ** (-d / distanceHalfLife)),
  );
  const pairSquare = weights.reduce(
    (sum, weight, d) => sum + Math.max(0, itemsPerUser - 1 - d) * weight * weight,
    0,
  );
  const itemUnits = Math.max(
    1,
    Math.round(Math.sqrt(((ITEMS_SHARE / (1 - ITEMS_SHARE)) * pairSquare) / itemsPerUser)),
  );
  const square = itemsPerUser * itemUnits * itemUnits + pairSquare;
  const mechanism = noiseMechanism('gaussian', { parts: square * releases, each: 1 }, options);
  const users = countedItems(matrix, itemsPerUser, itemUnits);
  for (let item = 0; item < users.length; item++)
    users[item] = (users[item] + mechanism.draw(noise)) / itemUnits;
  const top = new TopK(Math.min(itemsMax, users.length));
  top.reset(Math.min(itemsMax, users.length));
  for (let item = 0; item < users.length; item++) top.offer(item, users[item]);
  const items = top.rows.slice(0, top.sort());
  const pairs = countedPairs(matrix, items, itemsPerUser, weights);
  for (let pair = 0; pair < pairs.length; pair++)
    pairs[pair] = (pairs[pair] + mechanism.draw(noise)) / PAIR_UNITS;
  return {
    users,
    items,
    pairs,
    pairDeviation: mechanism.standardDeviation / PAIR_UNITS,
    loss: { ...mechanism.loss, rho: mechanism.loss.rho / releases },
  };
}

/** Popularity by noisy counts. */
export function privatePopularity({ users }: PrivateCounts): PopularityModel {
  const scores = Float32Array.from(users, (count) => Math.max(0, count));
  const order = Uint32Array.from({ length: scores.length }, (_, item) => item);
  order.sort((a, b) => scores[b] - scores[a] || a - b);
  return { scores, order };
}

/**
 * Similarities from noisy counts. Pairs that noise alone may have made are left out: those below σ √(2 ln n) of n pairs (the universal
 * threshold of Donoho, Johnstone 1994).
 */
export function privateItemToItem(counts: PrivateCounts, options: ItemToItemOptions): ItemToItemModel {
  const { users, items, pairs, pairDeviation } = counts;
  const itemCount = users.length;
  const rowOf = new Int32Array(itemCount).fill(-1);
  for (const [row, item] of items.entries()) rowOf[item] = row;
  const size = (item: number): number => Math.max(1, users[item]);
  const shrinkage = options.shrinkage + pairDeviation;
  const togetherMin = pairDeviation * Math.sqrt(2 * Math.log(Math.max(2, pairs.length)));
  const offsets = new Uint32Array(itemCount + 1);
  const neighbours: number[] = [];
  const similarities: number[] = [];
  const top = new TopK(options.neighbours);
  for (let item = 0; item < itemCount; item++) {
    const row = rowOf[item];
    top.reset(options.neighbours);
    for (let other = 0; row >= 0 && other < items.length; other++) {
      if (other === row) continue;
      const together = pairs[pairAt(row, other)];
      if (together < togetherMin) continue;
      const cosine = together / Math.sqrt(size(item) * size(items[other]));
      top.offer(items[other], (cosine * together) / (together + shrinkage));
    }
    const kept = top.sort();
    for (let i = 0; i < kept; i++) {
      neighbours.push(top.rows[i]);
      similarities.push(top.scores[i]);
    }
    offsets[item + 1] = neighbours.length;
  }
  return {
    options,
    offsets,
    neighbours: Uint32Array.from(neighbours),
    similarities: Float32Array.from(similarities),
  };
}

function pairAt(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return (high * (high - 1)) / 2 + low;
}

function countedItems(
  { offsets, columns, columnCount, rowCount }: InteractionMatrix,
  itemsPerUser: number,
  units: number,
): Float64Array {
  const counts = new Float64Array(columnCount);
  for (let row = 0; row < rowCount; row++)
    for (let at = Math.max(offsets[row], offsets[row + 1] - itemsPerUser); at < offsets[row + 1]; at++)
      counts[columns[at]] += units;
  return counts;
}

function countedPairs(
  { offsets, columns, columnCount, rowCount }: InteractionMatrix,
  items: Uint32Array,
  itemsPerUser: number,
  weights: readonly number[],
): Float64Array {
  const rowOf = new Int32Array(columnCount).fill(-1);
  for (const [row, item] of items.entries()) rowOf[item] = row;
  const pairs = new Float64Array((items.length * (items.length - 1)) / 2);
  for (let user = 0; user < rowCount; user++) {
    const first = Math.max(offsets[user], offsets[user + 1] - itemsPerUser);
    for (let at = first; at < offsets[user + 1]; at++) {
      const a = rowOf[columns[at]];
      for (let d = 0; a >= 0 && d < weights.length && at - 1 - d >= first; d++) {
        const b = rowOf[columns[at - 1 - d]];
        if (b >= 0) pairs[pairAt(a, b)] += weights[d];
      }
    }
  }
  return pairs;
}
