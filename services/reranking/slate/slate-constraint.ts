/** Who outranks whom where not all can have their way, the strongest first. Safety stands above: what it removes is no row here. */
export const AUTHORITIES = ['rule', 'exploration', 'objective'] as const;

export type Authority = (typeof AUTHORITIES)[number];

/**
 * A limit on what a slate may hold, asked while the slate is being chosen. Positions count from 0; pinned rows are placed
 * before the others, so positions are not placed in order. Where a constraint admits none of the rows that the constraints
 * above it leave, it is passed over at that position, which the slate reports under its name.
 */
export interface SlateConstraint {
  /** Names it in answers and records, as `cap categories`. */
  readonly name: string;
  /** Its place among the others; within an authority the earlier of the list outranks the later. */
  readonly authority: Authority;
  /** Starts a slate of `size` positions over `items`, one ordinal a row. */
  begin(items: Uint32Array, size: number): void;
  /** `admits` speaks of this position from now on. False: it admits every row there. */
  open(position: number): boolean;
  /** Whether `row` may come into the open position beside the rows placed so far. */
  admits(row: number): boolean;
  place(row: number, position: number): void;
}
