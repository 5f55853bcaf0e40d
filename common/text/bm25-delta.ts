import type { TopK } from '../top-k.ts';
import type { Bm25Index, Bm25Overlay } from './bm25.ts';
import type { Bm25Query } from './bm25-query.ts';

/** Dead slots are cleared away once they outnumber the living by this many. */
const DEAD_SLACK = 256;

/**
 * Documents added, changed or removed since `base` was built, searchable at once. Scores use the base's statistics: its N,
 * its mean length, its document frequencies, and a frequency of 1 for words that it does not know. A delta is meant to stay
 * small against its base (the next bundle absorbs it), so these stay close to what a rebuild would give.
 * Build queries with `compileQuery(delta, ...)`, so that they know the new words too, and give the delta to the base's `search`.
 */
export class Bm25Delta implements Bm25Overlay {
  readonly #base: Bm25Index;
  readonly #newTerms = new Map<string, number>();
  readonly #lists = new Map<number, DeltaList>();
  /** Living documents. */
  readonly #slotOfRow = new Map<number, number>();
  readonly #hidden = new Set<number>();
  /** Row by slot; slots are handed out in order of `add` and die when their row is added again or removed. */
  #rowOfSlot: number[] = [];
  #sums = new Float64Array(0);
  #touched = new Uint32Array(0);

  constructor(base: Bm25Index) {
    this.#base = base;
  }

  /** How many documents the delta holds. */
  get size(): number {
    return this.#slotOfRow.size;
  }

  /** Ids from the base's `termCount` up are the delta's own. */
  termId(word: string): number | undefined {
    return this.#base.termId(word) ?? this.#newTerms.get(word);
  }

  idf(termId: number): number {
    const { termCount, documentCount, formula } = this.#base;
    return termId < termCount ? this.#base.idf(termId) : formula.idf(Math.max(1, documentCount), 1);
  }

  /** Makes `document` (text, or words already cut) the document of `row`, in place of the base's or an earlier one. */
  add(row: number, document: string | readonly string[]): void {
    this.remove(row);
    const words = typeof document === 'string' ? this.#base.tokeniser.tokenise(document) : document;
    const slot = this.#rowOfSlot.push(row) - 1;
    this.#slotOfRow.set(row, slot);
    const { formula, lengthMean } = this.#base;
    const norm = formula.norm(words.length / lengthMean);
    for (const [termId, count] of this.#countTerms(words)) {
      const gain = this.idf(termId) * formula.gain(count, norm);
      if (gain > 0) this.#listOf(termId).push(slot, gain);
    }
  }

  /** Takes the document of `row` out, be it the base's or the delta's. */
  remove(row: number): void {
    if (row < this.#base.rowCount) this.#hidden.add(row);
    this.#slotOfRow.delete(row);
    if (this.#rowOfSlot.length > 2 * this.#slotOfRow.size + DEAD_SLACK) this.#clearDead();
  }

  hides(row: number): boolean {
    return this.#hidden.has(row);
  }

  offer({ termIds, weights }: Bm25Query, common: number, top: TopK): void {
    this.#fit();
    const sums = this.#sums;
    const touched = this.#touched;
    let touchedCount = 0;
    for (let i = 0; i < termIds.length; i++) {
      const list = this.#lists.get(termIds[i]);
      if (list === undefined) continue;
      const { slots, gains, length } = list;
      const weight = weights[i];
      for (let at = 0; at < length; at++) {
        const slot = slots[at];
        if (sums[slot] === 0) touched[touchedCount++] = slot;
        sums[slot] += weight * gains[at];
      }
    }
    for (let i = 0; i < touchedCount; i++) {
      const slot = touched[i];
      const row = this.#rowOfSlot[slot];
      if (this.#slotOfRow.get(row) === slot) top.offer(row, sums[slot] + common);
      sums[slot] = 0;
    }
  }

  #countTerms(words: readonly string[]): Map<number, number> {
    const counts = new Map<number, number>();
    for (const word of words) {
      let termId = this.termId(word);
      if (termId === undefined) {
        termId = this.#base.termCount + this.#newTerms.size;
        this.#newTerms.set(word, termId);
      }
      counts.set(termId, (counts.get(termId) ?? 0) + 1);
    }
    return counts;
  }

  #listOf(termId: number): DeltaList {
    let list = this.#lists.get(termId);
    if (list === undefined) {
      list = new DeltaList();
      this.#lists.set(termId, list);
    }
    return list;
  }

  #fit(): void {
    if (this.#sums.length >= this.#rowOfSlot.length) return;
    this.#sums = new Float64Array(2 * this.#rowOfSlot.length);
    this.#touched = new Uint32Array(2 * this.#rowOfSlot.length);
  }

  /** Renumbers the living slots densely, in their order. */
  #clearDead(): void {
    const newSlots = new Map<number, number>();
    const rowOfSlot: number[] = [];
    for (let slot = 0; slot < this.#rowOfSlot.length; slot++) {
      const row = this.#rowOfSlot[slot];
      if (this.#slotOfRow.get(row) === slot) newSlots.set(slot, rowOfSlot.push(row) - 1);
    }
    this.#rowOfSlot = rowOfSlot;
    rowOfSlot.forEach((row, slot) => {
      this.#slotOfRow.set(row, slot);
    });
    for (const [termId, list] of this.#lists) {
      list.renumber(newSlots);
      if (list.length === 0) this.#lists.delete(termId);
    }
  }
}

/** The postings of one term in the delta. */
class DeltaList {
  slots = new Uint32Array(4);
  gains = new Float64Array(4);
  length = 0;

  push(slot: number, gain: number): void {
    if (this.length === this.slots.length) {
      const slots = new Uint32Array(2 * this.length);
      const gains = new Float64Array(2 * this.length);
      slots.set(this.slots);
      gains.set(this.gains);
      this.slots = slots;
      this.gains = gains;
    }
    this.slots[this.length] = slot;
    this.gains[this.length++] = gain;
  }

  renumber(newSlots: ReadonlyMap<number, number>): void {
    let kept = 0;
    for (let at = 0; at < this.length; at++) {
      const slot = newSlots.get(this.slots[at]);
      if (slot === undefined) continue;
      this.slots[kept] = slot;
      this.gains[kept++] = this.gains[at];
    }
    this.length = kept;
  }
}
