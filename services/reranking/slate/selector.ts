import type { Similarity } from './similarity.ts';

/** What a slate is chosen from: one item a row. */
export interface Utilities {
  /** Ordinals. */
  readonly items: Uint32Array;
  /** The higher, the better; finite. */
  readonly utilities: Float32Array | Float64Array;
}

/** Weighs a row's utility against what the slate holds already. Memory is reused from slate to slate. */
export interface Selector {
  /** Starts a slate of at most `size` rows; `similarity` speaks of the same rows. */
  begin(rows: Utilities, size: number, similarity: Similarity): void;
  /** The best of some rows that are not placed, of which there is at least one; ties go to the lower ordinal. */
  next(eligible: Uint32Array): number;
  /** The row is in the slate from now on, whoever chose it. */
  place(row: number): void;
}
