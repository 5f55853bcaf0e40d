import type { Action } from '../../../gen/millrace/type/v1/type.ts';
import type { ItemValues } from '../../catalogue/item-values.ts';
import { isPositive } from '../../user-state.ts';
import { log1p } from '../encodings/log.ts';
import { countOf } from '../item-counters.ts';
import type { TargetColumn } from '../readers.ts';
import type { FeatureRequest } from '../request.ts';

/** Latest positive events that stand for the present taste. */
const RECENT_EVENTS = 30;

/** Items of the latest positive events, latest first. */
function recentPositives({ input: { user } }: FeatureRequest): Uint32Array {
  const items = new Uint32Array(Math.min(RECENT_EVENTS, user.items.length));
  let count = 0;
  for (let event = user.items.length - 1; event >= 0 && count < items.length; event--)
    if (isPositive(user.actions[event] as Action)) items[count++] = user.items[event];
  return items.subarray(0, count);
}

/** Means over the latest positive events; NaN where nothing is known. */
export function meansOf(request: FeatureRequest): { year: number; logPositives: number } {
  const recent = request.once(recentPositives);
  const positives = request.input.counters.column('positive');
  let years = 0;
  let yearSum = 0;
  let logSum = 0;
  for (const item of recent) {
    logSum += log1p(countOf(positives, item));
    const year = request.items.years.at(item);
    if (Number.isNaN(year)) continue;
    years++;
    yearSum += year;
  }
  return { year: yearSum / years, logPositives: logSum / recent.length };
}

/** How much of the latest positive events had the candidates' words, by row. */
export interface Affinity {
  /** Mean over the item's words. */
  readonly mean: Float64Array;
  /** The largest of them. */
  readonly largest: Float64Array;
}

/** NaN without positive events, and for items without words. */
export function affinity(request: FeatureRequest, words: ItemValues): Affinity {
  const shares = sharesOf(request.once(recentPositives), words);
  return meanAndLargest(request, words, shares);
}

/** Mean and largest of a weight a word over the words of each candidate; NaN without weights, and for items without words. */
export function meanAndLargest(
  request: FeatureRequest,
  words: ItemValues,
  weights: ArrayLike<number> | undefined,
): Affinity {
  const { items, count } = request.input.candidates;
  const mean = new Float64Array(count);
  const largest = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const item = items[row];
    const length = words.lengthOf(item);
    if (weights === undefined || length === 0) {
      mean[row] = largest[row] = Number.NaN;
      continue;
    }
    let sum = 0;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < length; i++) {
      const weight = weights[words.at(item, i)];
      sum += weight;
      if (weight > most) most = weight;
    }
    mean[row] = sum / length;
    largest[row] = most;
  }
  return { mean, largest };
}

/** Writes a number a row. */
export function writeAll(values: Float64Array, { rows, at, stride, encode }: TargetColumn): void {
  for (let row = 0, o = at; row < values.length; row++, o += stride) rows[o] = encode(values[row]);
}

/** By word: the share of the items that have it; undefined without items. */
export function sharesOf(items: Uint32Array, words: ItemValues): Float32Array | undefined {
  if (items.length === 0) return undefined;
  const shares = new Float32Array(words.count);
  for (const item of items) {
    const length = words.lengthOf(item);
    for (let i = 0; i < length; i++) shares[words.at(item, i)]++;
  }
  for (let word = 0; word < shares.length; word++) shares[word] /= items.length;
  return shares;
}
