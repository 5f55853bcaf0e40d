import type { Similarity } from './similarity.ts';
import type { SlateConstraint } from './slate-constraint.ts';

/** What a slate is chosen from: one item a row. */
export interface SlateCandidates {
  /** Ordinals. */
  readonly items: Uint32Array;
  /** The higher, the better; finite. */
  readonly scores: Float32Array | Float64Array;
  /** 1: the row must not be chosen. Undefined: all may. */
  readonly excluded?: Uint8Array;
  /** The row pinned to each position, -1 for none, shorter than the slate or not; no row twice, none excluded. */
  readonly pins?: Int32Array;
}

export interface MmrOptions {
  /** Weight of relevance against redundancy, 0 to 1. */
  readonly lambda: number;
  /**
   * `min-max`: scores are mapped to [0, 1] over the request's rows that are not excluded (all 0 where they are equal), so that
   * lambda means the same whatever the ranker's scale. `none`: scores are used as they are.
   */
  readonly relevance: 'min-max' | 'none';
}

/** A slate: rows in the order to show, with the scores that chose them. Valid until the selector's next `select`. */
export interface Slate {
  readonly rows: Uint32Array;
  /** The marginal relevance of each row at the time it was chosen; of a pinned row, its relevance times lambda. */
  readonly scores: Float32Array;
  /** How many positions were filled against the constraint because no row left would do. */
  readonly relaxed: number;
}

/**
 * Maximal marginal relevance (Carbonell & Goldstein 1998): position after position takes the row with the largest
 * lambda * relevance(row) - (1 - lambda) * max over the rows chosen of similarity(row, chosen), where the maximum over none is
 * 0. Ties go to the lower ordinal. At lambda 1 the order of the scores is kept exactly, and near 1 a row rises past another only
 * if their relevance differs by less than (1 - lambda) / lambda times their difference in redundancy: lambda bounds how far the
 * slate departs from the ranking. Pinned rows count as chosen from the start. A constraint limits each choice; where no row left
 * satisfies it the position takes the best row regardless, because a shorter list helps nobody, and `relaxed` says so. The
 * slate is shorter than asked only where rows run out; then later pins move up.
 *
 * Each row's maximum is kept up to date by one `toRow` for each row chosen: O(n k) similarities. Memory is reused.
 */
export class MmrSelector {
  readonly #lambda: number;
  readonly #relevance: MmrOptions['relevance'];
  #weighted = new Float64Array(0);
  #redundancy = new Float64Array(0);
  #similarity = new Float64Array(0);
  #taken = new Uint8Array(0);
  #rows = new Uint32Array(0);
  #scores = new Float32Array(0);
  #chosen = 0;
  #relaxed = 0;

  constructor(options: MmrOptions) {
    this.#lambda = options.lambda;
    this.#relevance = options.relevance;
  }

  /** The best `limit` rows, or as many as there are. `similarity` speaks of the same rows as `candidates`. */
  select(
    candidates: SlateCandidates,
    similarity: Similarity,
    limit: number,
    constraint?: SlateConstraint,
  ): Slate {
    const { items, pins } = candidates;
    const size = Math.min(limit, items.length);
    this.#begin(candidates, size);
    constraint?.begin(items, size);
    for (let position = 0; pins !== undefined && position < Math.min(size, pins.length); position++) {
      if (pins[position] >= 0) this.#choose(pins[position], position, items.length, similarity, constraint);
    }
    let length = 0;
    for (let position = 0; position < size; position++) {
      const pinned = pins !== undefined && position < pins.length ? pins[position] : -1;
      const row = pinned < 0 ? this.#next(position, items, constraint) : pinned;
      if (row < 0) continue;
      this.#scores[length] = pinned < 0 ? this.#marginal(row) : this.#weighted[row];
      this.#rows[length++] = row;
      if (pinned < 0 && position + 1 < size)
        this.#choose(row, position, items.length, similarity, constraint);
    }
    const rows = this.#rows.subarray(0, length);
    return { rows, scores: this.#scores.subarray(0, length), relaxed: this.#relaxed };
  }

  #begin({ items, scores, excluded }: SlateCandidates, size: number): void {
    const count = items.length;
    if (this.#weighted.length < count) {
      this.#weighted = new Float64Array(count);
      this.#redundancy = new Float64Array(count);
      this.#similarity = new Float64Array(count);
      this.#taken = new Uint8Array(count);
    }
    if (this.#rows.length < size) {
      this.#rows = new Uint32Array(size);
      this.#scores = new Float32Array(size);
    }
    this.#chosen = 0;
    this.#relaxed = 0;
    if (excluded === undefined) this.#taken.fill(0, 0, count);
    else this.#taken.set(excluded.length > count ? excluded.subarray(0, count) : excluded);
    this.#weigh(scores, count);
  }

  #weigh(scores: Float32Array | Float64Array, count: number): void {
    let low = 0;
    let scale = this.#lambda;
    if (this.#relevance === 'min-max') {
      low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (let row = 0; row < count; row++) {
        if (this.#taken[row] !== 0) continue;
        if (scores[row] < low) low = scores[row];
        if (scores[row] > high) high = scores[row];
      }
      scale = high > low ? this.#lambda / (high - low) : 0;
    }
    for (let row = 0; row < count; row++) this.#weighted[row] = (scores[row] - low) * scale;
  }

  /** The row for an unpinned position, -1 if there is none left. */
  #next(position: number, items: Uint32Array, constraint: SlateConstraint | undefined): number {
    if (constraint === undefined) return this.#best(items);
    constraint.open(position);
    const admitted = this.#best(items, constraint);
    if (admitted >= 0) return admitted;
    const row = this.#best(items);
    if (row >= 0) this.#relaxed++;
    return row;
  }

  #marginal(row: number): number {
    return this.#chosen === 0
      ? this.#weighted[row]
      : this.#weighted[row] - (1 - this.#lambda) * this.#redundancy[row];
  }

  /** The free row of the largest marginal relevance that the constraint admits, -1 for none. */
  #best(items: Uint32Array, constraint?: SlateConstraint): number {
    let best = -1;
    let bestScore = 0;
    for (let row = 0; row < items.length; row++) {
      if (this.#taken[row] !== 0) continue;
      const score = this.#marginal(row);
      if (best >= 0 && (score < bestScore || (score === bestScore && items[row] > items[best]))) continue;
      if (constraint !== undefined && !constraint.admits(row)) continue;
      best = row;
      bestScore = score;
    }
    return best;
  }

  #choose(
    row: number,
    position: number,
    count: number,
    similarity: Similarity,
    constraint: SlateConstraint | undefined,
  ): void {
    this.#taken[row] = 1;
    constraint?.place(row, position);
    if (this.#lambda < 1) {
      const redundancy = this.#redundancy;
      const toChosen = this.#chosen === 0 ? redundancy : this.#similarity;
      similarity.toRow(row, toChosen);
      if (this.#chosen > 0) {
        for (let other = 0; other < count; other++) {
          if (toChosen[other] > redundancy[other]) redundancy[other] = toChosen[other];
        }
      }
    }
    this.#chosen++;
  }
}
