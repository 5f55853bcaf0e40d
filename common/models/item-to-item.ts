import { z } from 'zod';
import { packArrays, unpackArrays } from '../arrays.ts';
import { TopK } from '../top-k.ts';
import type { CandidateModel } from './candidate-model.ts';
import type { InteractionMatrix } from './interactions.ts';
import { columnEntries, entryRows } from './interactions.ts';
import type { RecencyOptions } from './recency.ts';
import { isOrdered, noRecency, recencySchema, recencyWeight } from './recency.ts';

/**
 * Item-to-item similarity from co-occurrence in people's sequences (Linden, Smith, York 2003; Sarwar et al. 2001). Every
 * pair (i, j) of one person's items adds its closeness to C_ij: 2^(−(distance − 1) / halfLife) if j came after i, that
 * times `backwardWeight` if before. Similarity is C_ij / √(n_i n_j) · C_ij / (C_ij + shrinkage), n the number of people.
 */
export interface ItemToItemOptions {
  /** Neighbours kept for an item. */
  readonly neighbours: number;
  readonly shrinkage: number;
  /** Distance in events at which closeness has halved. A large one makes plain co-occurrence. */
  readonly distanceHalfLife: number;
  /** In [0, 1]; 1 makes the similarity symmetric. */
  readonly backwardWeight: number;
  /** Pairs further apart than this many events are not counted: the bound on a long sequence's cost. */
  readonly distanceMax: number;
  /** Weight of each event of the history that is scored from. */
  readonly recency: RecencyOptions;
}

/** Chosen on MovieLens-100K as `ialsDefaults`; the shrinkage is above the best (0), which would trust single pairs. */
export const itemToItemDefaults: ItemToItemOptions = {
  neighbours: 200,
  shrinkage: 2,
  distanceHalfLife: 3,
  backwardWeight: 0.5,
  distanceMax: 50,
  recency: { halfLifeEvents: 2.5, floor: 0.02 },
};

/** Settings worth trying on a data set: fewer neighbours are surer, shrinkage doubts the rare ones. */
export const itemToItemGrid: readonly ItemToItemOptions[] = [
  itemToItemDefaults,
  { ...itemToItemDefaults, neighbours: 50 },
  { ...itemToItemDefaults, neighbours: 20 },
  { ...itemToItemDefaults, neighbours: 10 },
  { ...itemToItemDefaults, shrinkage: 20 },
  { ...itemToItemDefaults, shrinkage: 100 },
];

const orderless = { distanceHalfLife: 1e9, backwardWeight: 1, distanceMax: 1000, recency: noRecency };

/** Neighbours of item i: entries `offsets[i]` up to `offsets[i + 1]`, most similar first, ties by ordinal. */
export interface ItemToItemModel {
  readonly options: ItemToItemOptions;
  /** Length items + 1. */
  readonly offsets: Uint32Array;
  readonly neighbours: Uint32Array;
  readonly similarities: Float32Array;
}

/** Rows of `matrix` must be ordered oldest first; data without an order counts all pairs alike. Weights are not used. */
export function fitItemToItem(
  matrix: InteractionMatrix,
  asked: ItemToItemOptions = itemToItemDefaults,
): ItemToItemModel {
  const options = isOrdered(matrix) ? asked : { ...asked, ...orderless };
  const itemCount = matrix.columnCount;
  const people = columnEntries(matrix).offsets;
  const counter = new CoOccurrence(matrix, options);
  const top = new TopK(options.neighbours);
  const offsets = new Uint32Array(itemCount + 1);
  let neighbours = new Uint32Array(itemCount * Math.min(options.neighbours, 16));
  let similarities = new Float32Array(neighbours.length);
  for (let item = 0; item < itemCount; item++) {
    const found = counter.count(item);
    const ownPeople = people[item + 1] - people[item];
    top.reset(options.neighbours);
    for (let i = 0; i < found; i++) {
      const other = counter.touched[i];
      const together = counter.sums[other];
      const cosine = together / Math.sqrt(ownPeople * (people[other + 1] - people[other]));
      top.offer(other, (cosine * together) / (together + options.shrinkage));
    }
    const kept = top.sort();
    const end = offsets[item] + kept;
    if (end > neighbours.length) {
      neighbours = grown(neighbours, new Uint32Array(2 * end));
      similarities = grown(similarities, new Float32Array(2 * end));
    }
    neighbours.set(top.rows.subarray(0, kept), offsets[item]);
    similarities.set(top.scores.subarray(0, kept), offsets[item]);
    offsets[item + 1] = end;
  }
  const used = offsets[itemCount];
  return {
    options,
    offsets,
    neighbours: neighbours.slice(0, used),
    similarities: similarities.slice(0, used),
  };
}

/**
 * Sums the similarities to a history's items. Holds its scratch: one instance serves one call at a time and `score`
 * allocates nothing.
 */
export class ItemToItemScorer {
  readonly #model: ItemToItemModel;
  /** By ordinal, valid until the next `score`; 0 where not touched. */
  readonly scores: Float32Array;
  /** The ordinals that the last `score` reached, in no order; entries from its result on mean nothing. */
  readonly touched: Uint32Array;
  readonly #reached: Uint8Array;
  #count = 0;

  constructor(model: ItemToItemModel) {
    this.#model = model;
    this.#reached = new Uint8Array(model.offsets.length - 1);
    this.scores = new Float32Array(model.offsets.length - 1);
    this.touched = new Uint32Array(model.offsets.length - 1);
  }

  /**
   * `items`: ordinals, oldest first; those that the model does not know say nothing. `weights`: their confidence before
   * recency, 1 where absent. Returns how many items were reached; the history's own items can be among them.
   */
  score(items: Uint32Array, weights?: Float32Array): number {
    const { offsets, neighbours, similarities, options } = this.#model;
    const { scores, touched } = this;
    const reached = this.#reached;
    for (let i = 0; i < this.#count; i++) {
      scores[touched[i]] = 0;
      reached[touched[i]] = 0;
    }
    let count = 0;
    for (let at = 0; at < items.length; at++) {
      const own = weights === undefined ? 1 : weights[at];
      const weight = own * recencyWeight(items.length - 1 - at, options.recency);
      if (weight === 0 || items[at] >= scores.length) continue;
      const end = offsets[items[at] + 1];
      for (let entry = offsets[items[at]]; entry < end; entry++) {
        const other = neighbours[entry];
        if (reached[other] === 0) {
          reached[other] = 1;
          touched[count++] = other;
        }
        scores[other] += weight * similarities[entry];
      }
    }
    this.#count = count;
    return count;
  }
}

/** Scores each row of `matrix` from its own entries. */
export function neighbourModel(matrix: InteractionMatrix, model: ItemToItemModel): CandidateModel {
  const scorer = new ItemToItemScorer(model);
  const itemCount = matrix.columnCount;
  return {
    itemCount,
    scoreUsers(users, scores) {
      for (let row = 0; row < users.length; row++) {
        const [start, end] = [matrix.offsets[users[row]], matrix.offsets[users[row] + 1]];
        scorer.score(matrix.columns.subarray(start, end), matrix.weights.subarray(start, end));
        scores.set(scorer.scores, row * itemCount);
      }
    },
  };
}

const KIND = 'model.item-to-item';

const optionsSchema = z.object({
  neighbours: z.int().nonnegative(),
  shrinkage: z.number().nonnegative(),
  distanceHalfLife: z.number().positive(),
  backwardWeight: z.number().min(0).max(1),
  distanceMax: z.int().positive(),
  recency: recencySchema,
});

export function encodeItemToItem({
  options,
  offsets,
  neighbours,
  similarities,
}: ItemToItemModel): Uint8Array {
  return packArrays(KIND, options, { offsets, neighbours, similarities });
}

/** BUNDLE_DAMAGED, naming what is wrong with the bytes. */
export function decodeItemToItem(bytes: Uint8Array): ItemToItemModel {
  const part = unpackArrays(bytes, KIND);
  const offsets = part.array('offsets', 'u32');
  const used = offsets[offsets.length - 1] ?? 0;
  return {
    options: part.meta(optionsSchema),
    offsets,
    neighbours: part.array('neighbours', 'u32', used),
    similarities: part.array('similarities', 'f32', used),
  };
}

/** Closeness sums of one item at a time with all others. */
class CoOccurrence {
  readonly sums: Float64Array;
  readonly touched: Uint32Array;
  readonly #matrix: InteractionMatrix;
  readonly #rows: Uint32Array;
  readonly #columns: { offsets: Uint32Array; entries: Uint32Array };
  readonly #closeness: Float64Array;
  readonly #backwardWeight: number;
  #count = 0;

  constructor(
    matrix: InteractionMatrix,
    { distanceMax, distanceHalfLife, backwardWeight }: ItemToItemOptions,
  ) {
    this.#matrix = matrix;
    this.#rows = entryRows(matrix);
    this.#columns = columnEntries(matrix);
    this.#closeness = Float64Array.from(
      { length: distanceMax + 1 },
      (_, d) => 2 ** (-(d - 1) / distanceHalfLife),
    );
    this.#backwardWeight = backwardWeight;
    this.sums = new Float64Array(matrix.columnCount);
    this.touched = new Uint32Array(matrix.columnCount);
  }

  /** Fills `sums` by ordinal and `touched`; returns how many items were touched. */
  count(item: number): number {
    for (let i = 0; i < this.#count; i++) this.sums[this.touched[i]] = 0;
    this.#count = 0;
    const { offsets } = this.#matrix;
    const reach = this.#closeness.length - 1;
    for (let at = this.#columns.offsets[item]; at < this.#columns.offsets[item + 1]; at++) {
      const entry = this.#columns.entries[at];
      const row = this.#rows[entry];
      const first = Math.max(offsets[row], entry - reach);
      for (let other = first; other < entry; other++) {
        this.#add(other, this.#backwardWeight * this.#closeness[entry - other]);
      }
      const end = Math.min(offsets[row + 1], entry + reach + 1);
      for (let other = entry + 1; other < end; other++) this.#add(other, this.#closeness[other - entry]);
    }
    return this.#count;
  }

  #add(entry: number, closeness: number): void {
    if (closeness === 0) return;
    const item = this.#matrix.columns[entry];
    if (this.sums[item] === 0) this.touched[this.#count++] = item;
    this.sums[item] += closeness;
  }
}

function grown<T extends Uint32Array | Float32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
