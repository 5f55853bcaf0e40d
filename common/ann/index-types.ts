import type { Space } from './vectors.ts';

/** Rows and scores, best first, ties by row ascending. Entries from `count` on mean nothing. */
export interface Neighbours {
  count: number;
  rows: Uint32Array;
  scores: Float32Array;
}

/** Rows of vectors that can be asked for the nearest to a query. Immutable; safe for searches that overlap. */
export interface VectorIndex {
  readonly kind: 'exact' | 'hnsw';
  /** How many rows it holds. */
  readonly size: number;
  readonly dim: number;
  readonly space: Space;
  /**
   * The `k` nearest rows, or all where there are fewer. Throws a RangeError where `query` is not finite or not `dim`
   * long. `out`, if given, is filled (its arrays replaced where they are shorter than k) and returned; it must not be
   * shared by searches that overlap. The computation blocks the calling thread.
   */
  search(query: Float32Array, k: number, out?: Neighbours): Promise<Neighbours>;
}
