/** Rows that one request may have. */
export const ROWS_MAX = 10_000;
/** Length that a slate may have. */
export const SLATE_MAX = 500;
/** Length of a slate where neither a request nor the orchestrator's configuration says another. */
export const SLATE_DEFAULT = 20;
