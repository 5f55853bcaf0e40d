import type { ObjectiveWeights } from '../policy-schema.ts';
import type { Objective, ObjectiveRows } from './objective.ts';
import { type ObjectiveParts, objectiveTable } from './table.ts';

/** The weighted mean of the items' aims, 0 to 1, and what it weighs against diversity. Memory is reused. */
export class Utility {
  /** The share of all weights that is not diversity's. */
  readonly lambda: number;
  readonly #terms: readonly { readonly objective: Objective; readonly weight: number }[];
  #sum = new Float64Array(0);
  #term = new Float64Array(0);

  constructor({ diversity, ...weights }: ObjectiveWeights, parts: ObjectiveParts) {
    const names = Object.keys(weights) as (keyof typeof weights)[];
    const total = names.reduce((sum, name) => sum + weights[name], 0);
    this.lambda = total / (total + diversity);
    this.#terms = names
      .filter((name) => weights[name] > 0)
      .map((name) => ({ objective: objectiveTable[name](parts), weight: weights[name] / total }));
  }

  /** One a row; valid until the next call. */
  of(rows: ObjectiveRows): Float64Array {
    const count = rows.items.length;
    if (this.#sum.length < count) {
      this.#sum = new Float64Array(count);
      this.#term = new Float64Array(count);
    }
    const sum = this.#sum;
    const term = this.#term;
    sum.fill(0, 0, count);
    for (const { objective, weight } of this.#terms) {
      objective.write(rows, term);
      for (let row = 0; row < count; row++) sum[row] += weight * term[row];
    }
    return sum.subarray(0, count);
  }
}
