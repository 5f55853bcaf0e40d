import { KernelPool } from '../kernels/kernel-pool.ts';
import { SparseProduct } from '../kernels/sparse-product.ts';
import { invertPositiveDefinite } from '../onnx/spd-inverse.ts';
import { TopK } from '../top-k.ts';
import type { CandidateModel } from './candidate-model.ts';
import { columnEntries, type InteractionMatrix } from './interactions.ts';
import { type ItemToItemModel, itemToItemDefaults } from './item-to-item.ts';
import { noRecency } from './recency.ts';

/**
 * EASE (Steck 2019): the item × item weights B with a zero diagonal that minimise ‖X − X B‖² + λ ‖B‖², X being 1 where a pair
 * is in the matrix and else 0. In closed form, with P = (Xᵀ X + λ I)⁻¹: B_ij = −P_ij / P_jj off the diagonal.
 */
export interface EaseOptions {
  /** λ, above 0. */
  readonly regularisation: number;
  /**
   * Time grows with the cube of the items and memory with their square: the most popular so many are modelled, ties by ordinal.
   * 10,000 take 2 GB and 15 s on two cores, 15,000 take 5 GB and 50 s.
   */
  readonly itemsMax: number;
}

const easeDefaults: EaseOptions = { regularisation: 1000, itemsMax: 15_000 };

/** Items that are enough to choose λ by. */
const TRIAL_ITEMS_MAX = 5000;

/** Settings worth trying, the default first. */
export const easeGrid: readonly EaseOptions[] = [easeDefaults.regularisation, 2000, 500, 200, 50].map(
  (regularisation) => ({ ...easeDefaults, regularisation }),
);

/** A fit of the most popular items alone. */
export function easeTrial(options: EaseOptions): EaseOptions {
  return { ...options, itemsMax: Math.min(options.itemsMax, TRIAL_ITEMS_MAX) };
}

export interface EaseModel {
  readonly itemCount: number;
  /** The modelled items' ordinals, ascending: those with an event, at most `itemsMax`. */
  readonly items: Uint32Array;
  /** B over `items`, row-major: row i holds what item i of a history adds to each score. */
  readonly weights: Float32Array;
}

/** The matrix's weights and times are not used. */
export async function fitEase(
  matrix: InteractionMatrix,
  { regularisation, itemsMax }: EaseOptions,
  threads: number,
): Promise<EaseModel> {
  const items = modelledItems(matrix, itemsMax);
  const order = items.length;
  const gramian = coOccurrence(matrix, items);
  for (let i = 0; i < order; i++) gramian[i * order + i] += regularisation;
  const weights = await invertPositiveDefinite(gramian, order, threads);
  const scales = Float64Array.from(items, (_, j) => -1 / weights[j * order + j]);
  for (let i = 0; i < order; i++) {
    for (let j = 0; j < order; j++) weights[i * order + j] = i === j ? 0 : weights[i * order + j] * scales[j];
  }
  return { itemCount: matrix.columnCount, items, weights };
}

/** Ordinals, ascending, of the `max` items with the most entries. */
function modelledItems(matrix: InteractionMatrix, max: number): Uint32Array {
  const { offsets } = columnEntries(matrix);
  const count = (item: number) => offsets[item + 1] - offsets[item];
  return Uint32Array.from({ length: matrix.columnCount }, (_, item) => item)
    .filter((item) => count(item) > 0)
    .sort((a, b) => count(b) - count(a) || a - b)
    .slice(0, max)
    .sort();
}

/** The matrix's columns `items` renumbered 0, 1, ...; other columns are left out. */
function restricted(matrix: InteractionMatrix, items: Uint32Array): InteractionMatrix {
  const position = new Int32Array(matrix.columnCount).fill(-1);
  items.forEach((item, at) => {
    position[item] = at;
  });
  const kept = matrix.columns.map((_, e) => e).filter((e) => position[matrix.columns[e]] >= 0);
  const offsets = new Uint32Array(matrix.rowCount + 1);
  for (let row = 0, next = 0; row < matrix.rowCount; row++) {
    while (next < kept.length && kept[next] < matrix.offsets[row + 1]) next++;
    offsets[row + 1] = next;
  }
  return {
    rowCount: matrix.rowCount,
    columnCount: items.length,
    offsets,
    columns: kept.map((e) => position[matrix.columns[e]]),
    weights: new Float32Array(kept.length).fill(1),
    times: new Float64Array(kept.length),
  };
}

/** Xᵀ X over `items`: how many rows hold both. */
function coOccurrence(matrix: InteractionMatrix, items: Uint32Array): Float32Array {
  const { offsets, columns, rowCount } = restricted(matrix, items);
  const order = items.length;
  const counts = new Float32Array(order * order);
  for (let row = 0; row < rowCount; row++) {
    for (let a = offsets[row]; a < offsets[row + 1]; a++) {
      const at = columns[a] * order;
      for (let b = offsets[row]; b < offsets[row + 1]; b++) counts[at + columns[b]]++;
    }
  }
  return counts;
}

/**
 * The model over the rows of `matrix`, whose entries are the histories that it scores from. An item that is not modelled scores as
 * the row's lowest.
 */
export function easeCandidates(model: EaseModel, matrix: InteractionMatrix): CandidateModel {
  const { items, itemCount, weights } = model;
  const width = 4 * Math.ceil(items.length / 4);
  const histories = restricted(matrix, items);
  const pool = new KernelPool();
  const table = pool.f32(items.length * width);
  for (let row = 0; row < items.length; row++) {
    table.set(weights.subarray(row * items.length, (row + 1) * items.length), row * width);
  }
  const product = new SparseProduct(pool, histories);
  let sums = pool.f32(0);
  return {
    itemCount,
    scoreUsers(users, scores) {
      if (sums.length < users.length * width) sums = pool.f32(users.length * width);
      product.multiplyRows(users, table, width, sums);
      for (let row = 0; row < users.length; row++) {
        const known = sums.subarray(row * width, row * width + items.length);
        const own = scores.subarray(row * itemCount, (row + 1) * itemCount);
        if (items.length < itemCount) own.fill(known.reduce((lowest, score) => Math.min(lowest, score), 0));
        for (let at = 0; at < items.length; at++) own[items[at]] = known[at];
      }
    },
  };
}

/** The `count` weights of each item that are largest in magnitude, which score histories as item-to-item neighbours do. */
export function easeNeighbours({ items, itemCount, weights }: EaseModel, count: number): ItemToItemModel {
  const offsets = new Uint32Array(itemCount + 1);
  const neighbours: number[] = [];
  const similarities: number[] = [];
  const top = new TopK(count);
  for (let item = 0, row = 0; item < itemCount; item++) {
    if (items[row] === item) {
      top.reset(count);
      const from = row++ * items.length;
      for (let j = 0; j < items.length; j++) {
        if (weights[from + j] !== 0) top.offer(j, Math.abs(weights[from + j]));
      }
      for (const j of top.rows.subarray(0, top.sort())) {
        neighbours.push(items[j]);
        similarities.push(weights[from + j]);
      }
    }
    offsets[item + 1] = neighbours.length;
  }
  return {
    options: { ...itemToItemDefaults, neighbours: count, recency: noRecency },
    offsets,
    neighbours: Uint32Array.from(neighbours),
    similarities: Float32Array.from(similarities),
  };
}
