import type { Item } from '../../gen/millrace/features/v1/features.ts';
import type { FeatureRequest } from './request.ts';

/** A value that is there but not of its type: neither a value nor missing. */
export const FAILED = Symbol('failed');
export type Failed = typeof FAILED;

/** No word: missing. */
export type Words = readonly string[] | Failed;

/** Writes a number for each candidate of the request, NaN where it is missing. */
export type RowNumbers = (request: FeatureRequest, out: Float64Array) => void;

/**
 * How a feature's value is read. `row`: a number per candidate; `request`: one value for all candidates; `item`: an item's value, read
 * when the item arrives, and kept. A missing number is NaN, a missing vector is empty.
 */
export type FeatureReader =
  | { readonly of: 'row'; readonly numbers: RowNumbers }
  | { readonly of: 'request'; readonly number: (request: FeatureRequest) => number | Failed }
  | { readonly of: 'request-words'; readonly words: (request: FeatureRequest) => Words }
  | { readonly of: 'item'; readonly number: (item: Item) => number | Failed }
  | { readonly of: 'item-words'; readonly words: (item: Item) => Words }
  | { readonly of: 'item-vector'; readonly vector: (item: Item) => ArrayLike<number> | Failed };
