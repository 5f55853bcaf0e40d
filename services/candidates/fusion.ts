import { Candidates, Columns, rankColumn, scoreColumn } from '../../common/columns.ts';
import { OrdinalSet } from '../../common/ordinal-set.ts';
import { TopK } from '../../common/top-k.ts';
import type { Hits } from './hits.ts';

const RRF_K = 60;

/** One source's list. */
export interface RankedList {
  readonly name: string;
  readonly weight: number;
  readonly hits: Hits;
}

/**
 * Merges lists by weighted reciprocal-rank fusion (Cormack, Clarke, Büttcher 2009): an item scores the sum over its lists of
 * weight / (60 + rank), rank from 1. Holds its scratch: one instance serves one call at a time.
 */
export class Fusion {
  readonly #union = new OrdinalSet();
  readonly #top = new TopK();
  #sums = new Float64Array(0);
  #items = new Uint32Array(0);
  /** Row of the answer by index in the union; -1: cut off. */
  #rows = new Int32Array(0);

  /**
   * The best `limit` of the items that `admits` lets through, best first, ties by ordinal, with `retrieval.rrf` and each
   * list's rank (0 where it has not the item) and score (0 likewise). The arrays are the answer's own.
   */
  merge(lists: readonly RankedList[], limit: number, admits: (item: number) => boolean): Candidates {
    this.#sum(lists);
    const { size } = this.#union;
    const top = this.#top;
    top.reset(Math.min(limit, size));
    for (let i = 0; i < size; i++)
      if (admits(this.#items[i])) top.offer(this.#items[i], Math.fround(this.#sums[i]));
    const count = top.sort();
    const items = top.rows.slice(0, count);
    this.#rows.fill(-1, 0, size);
    for (let row = 0; row < count; row++) this.#rows[this.#union.indexOf(items[row])] = row;
    const columns = new Map<string, Float32Array>();
    columns.set(Columns.rrf, Float32Array.from(top.scores.subarray(0, count)));
    for (const { name, hits } of lists) {
      const ranks = new Float32Array(count);
      const scores = new Float32Array(count);
      for (let i = 0; i < hits.count; i++) {
        const row = this.#rows[this.#union.indexOf(hits.items[i])];
        if (row < 0) continue;
        ranks[row] = i + 1;
        scores[row] = hits.scores[i];
      }
      columns.set(rankColumn(name), ranks).set(scoreColumn(name), scores);
    }
    return new Candidates(items, columns);
  }

  #sum(lists: readonly RankedList[]): void {
    let most = 0;
    for (const { hits } of lists) most += hits.count;
    if (most > this.#sums.length) {
      this.#sums = new Float64Array(2 * most);
      this.#items = new Uint32Array(2 * most);
      this.#rows = new Int32Array(2 * most);
    }
    const union = this.#union;
    union.clear();
    for (const { weight, hits } of lists) {
      for (let i = 0; i < hits.count; i++) {
        const item = hits.items[i];
        if (union.add(item)) {
          this.#items[union.size - 1] = item;
          this.#sums[union.size - 1] = 0;
        }
        this.#sums[union.indexOf(item)] += weight / (RRF_K + i + 1);
      }
    }
  }
}
