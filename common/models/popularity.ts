import { packArrays, unpackArrays } from '../arrays.ts';
import type { InteractionMatrix } from './interactions.ts';

export interface PopularityOptions {
  /** Age at which an event counts half. Infinity: all events count alike. */
  readonly halfLifeMs: number;
  /** The time that ages are counted from; the newest event's where absent. */
  readonly nowMs?: number;
}

const popularityDefaults: PopularityOptions = { halfLifeMs: Infinity };

export interface PopularityModel {
  /** Sum of the weights of each item's events, decayed by age; by ordinal. */
  readonly scores: Float32Array;
  /** All ordinals, most popular first, ties by ordinal. */
  readonly order: Uint32Array;
}

export function fitPopularity(
  matrix: InteractionMatrix,
  options: PopularityOptions = popularityDefaults,
): PopularityModel {
  const { columns, weights, times } = matrix;
  const now = options.nowMs ?? times.reduce((latest, time) => Math.max(latest, time), -Infinity);
  const sums = new Float64Array(matrix.columnCount);
  for (let entry = 0; entry < columns.length; entry++) {
    sums[columns[entry]] += weights[entry] * 2 ** ((times[entry] - now) / options.halfLifeMs);
  }
  const scores = Float32Array.from(sums);
  const order = Uint32Array.from({ length: scores.length }, (_, item) => item);
  order.sort((a, b) => scores[b] - scores[a] || a - b);
  return { scores, order };
}

const KIND = 'model.popularity';

export function encodePopularity({ scores, order }: PopularityModel): Uint8Array {
  return packArrays(KIND, {}, { scores, order });
}

/** BUNDLE_DAMAGED, naming what is wrong with the bytes. */
export function decodePopularity(bytes: Uint8Array): PopularityModel {
  const part = unpackArrays(bytes, KIND);
  const scores = part.array('scores', 'f32');
  return { scores, order: part.array('order', 'u32', scores.length) };
}
