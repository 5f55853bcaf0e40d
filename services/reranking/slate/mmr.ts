import type { Selector, Utilities } from './selector.ts';
import type { Similarity } from './similarity.ts';

/**
 * Maximal marginal relevance (Carbonell & Goldstein 1998): the row with the largest
 * lambda * utility(row) - (1 - lambda) * max over the rows placed of similarity(row, placed), where the maximum over none is 0.
 * At lambda 1 the order of the utilities is kept exactly, and near 1 a row rises past another only if their utilities differ by
 * less than (1 - lambda) / lambda times their difference in redundancy: lambda bounds how far the slate departs from them.
 *
 * Each row's maximum is kept up to date by one `toRow` for each row placed: O(n k) similarities.
 */
export class MmrSelector implements Selector {
  readonly #lambda: number;
  #items: Uint32Array = new Uint32Array(0);
  #similarity: Similarity | undefined;
  #weighted = new Float64Array(0);
  #redundancy = new Float64Array(0);
  #toPlaced = new Float64Array(0);
  #placed = 0;

  /** `lambda`: weight of utility against redundancy, 0 to 1. */
  constructor(lambda: number) {
    this.#lambda = lambda;
  }

  begin({ items, utilities }: Utilities, _size: number, similarity: Similarity): void {
    const count = items.length;
    if (this.#weighted.length < count) {
      this.#weighted = new Float64Array(count);
      this.#redundancy = new Float64Array(count);
      this.#toPlaced = new Float64Array(count);
    }
    this.#items = items;
    this.#similarity = similarity;
    this.#placed = 0;
    for (let row = 0; row < count; row++) this.#weighted[row] = utilities[row] * this.#lambda;
    this.#redundancy.fill(0, 0, count);
  }

  next(eligible: Uint32Array): number {
    const items = this.#items;
    const weighted = this.#weighted;
    const redundancy = this.#redundancy;
    const penalty = 1 - this.#lambda;
    let best = eligible[0];
    let bestScore = weighted[best] - penalty * redundancy[best];
    for (let at = 1; at < eligible.length; at++) {
      const row = eligible[at];
      const score = weighted[row] - penalty * redundancy[row];
      if (score < bestScore || (score === bestScore && items[row] > items[best])) continue;
      best = row;
      bestScore = score;
    }
    return best;
  }

  place(row: number): void {
    if (this.#lambda === 1 || this.#similarity === undefined) return;
    const redundancy = this.#redundancy;
    if (this.#placed++ === 0) {
      this.#similarity.toRow(row, redundancy);
      return;
    }
    const toPlaced = this.#toPlaced;
    this.#similarity.toRow(row, toPlaced);
    for (let other = 0; other < this.#items.length; other++) {
      if (toPlaced[other] > redundancy[other]) redundancy[other] = toPlaced[other];
    }
  }
}
