/** The rows of a shortlist as objectives see them. */
export interface ObjectiveRows {
  /** Ordinals. */
  readonly items: Uint32Array;
  /** The scores as the rules left them. */
  readonly relevance: Float32Array;
  /** A column of the candidates, one value a row, if they have it. */
  column(name: string): Float32Array | undefined;
  /** The request's time. */
  readonly nowMs: number;
}

/** One aim of a slate that an item serves more or less, whatever else is shown. */
export interface Objective {
  /** Writes into `out` how far each row serves it, from 0 to 1 on the scale that the objective states. */
  write(rows: ObjectiveRows, out: Float64Array): void;
}
