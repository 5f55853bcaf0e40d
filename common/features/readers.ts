import type { Item } from '../../gen/millrace/features/v1/features.ts';
import type { EncodeNumber } from './encodings/encoding.ts';
import type { FeatureRequest } from './request.ts';

/** A value that is there but not of its type: neither a value nor missing. */
export const FAILED = Symbol('failed');
export type Failed = typeof FAILED;

/** No word: missing. */
export type Words = readonly string[] | Failed;

/** One column of the row-major matrix. */
export interface TargetColumn {
  readonly rows: Float32Array;
  /** Where the first row has it, and how far on the next. */
  readonly at: number;
  readonly stride: number;
  /** What stands there for a value. A feature of several columns has a function for each. */
  readonly encode: EncodeNumber;
}

/** Writes a column, the encoded number for each candidate of the request; a missing one is NaN before it is encoded. */
type WriteNumbers = (request: FeatureRequest, column: TargetColumn) => void;

/**
 * How a feature's value is read. `row`: a number per candidate; `request`: one value for all candidates; `item`: an item's value, read
 * when the item arrives, and kept. A missing number is NaN, a missing vector is empty.
 */
export type FeatureReader =
  | { readonly of: 'row'; readonly write: WriteNumbers }
  | { readonly of: 'request'; readonly number: (request: FeatureRequest) => number | Failed }
  | { readonly of: 'request-words'; readonly words: (request: FeatureRequest) => Words }
  | { readonly of: 'item'; readonly number: (item: Item) => number | Failed }
  | { readonly of: 'item-words'; readonly words: (item: Item) => Words }
  | { readonly of: 'item-vector'; readonly vector: (item: Item) => ArrayLike<number> | Failed };
