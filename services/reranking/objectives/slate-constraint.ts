/**
 * A limit on what a slate may hold, asked while the slate is being chosen. Positions count from 0; pinned rows are placed
 * before the others, so positions are not placed in order.
 */
export interface SlateConstraint {
  /** Starts a slate of `size` positions over `items`, one ordinal a row. */
  begin(items: Uint32Array, size: number): void;
  /** `admits` speaks of this position from now on. */
  open(position: number): void;
  /** Whether `row` may come into the open position beside the rows placed so far. */
  admits(row: number): boolean;
  place(row: number, position: number): void;
}
