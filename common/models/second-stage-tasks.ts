import { Columns } from '../columns.ts';

/** The task whose output is the second stage's score: whether an item that is shown is taken up. */
export const POSITIVE_TASK = 'positive';

/**
 * The other tasks, with the columns that they serve: what an item that is taken up comes to. `watch`: seconds watched; `rating`: on the
 * scale of the ratings that were given.
 */
export const OUTCOME_COLUMNS = { watch: Columns.watch, rating: Columns.rating } as const;
export type OutcomeTask = keyof typeof OUTCOME_COLUMNS;

export const OUTCOME_TASKS = Object.keys(OUTCOME_COLUMNS) as OutcomeTask[];
