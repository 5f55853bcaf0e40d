import type { Examples } from './examples.ts';

/** Graded rows for a ranker, in groups of which each is one list to rank: a query, a moment. */
export interface GroupedExamples extends Omit<Examples, 'labels'> {
  /** One grade a row: finite, ≥ 0, at most `GRADE_MAX`; higher is better, 0 is irrelevant. */
  readonly labels: Float32Array;
  /** Rows of group g are `groups[g]` up to `groups[g + 1]`: starts at 0, ascending, ends at `rows`. */
  readonly groups: Uint32Array;
}

/** Above it the gain 2^grade − 1 drowns everything else in a float32. */
export const GRADE_MAX = 31;
