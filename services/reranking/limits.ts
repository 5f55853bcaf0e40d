/** Rows that one request may have. */
export const ROWS_MAX = 10_000;
/** Length that a slate may have. */
export const SLATE_MAX = 500;
