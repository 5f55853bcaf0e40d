import type { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { Candidates, Columns } from '../columns.ts';
import { isPositive } from '../user-state.ts';
import { ItemCounters } from './item-counters.ts';

/** The item counters as a fold of feedback in log order. */
export class CounterFold {
  #positive = new Float32Array(1024);
  #impression = new Float32Array(1024);
  #click = new Float32Array(1024);
  /** The version that last changed each item. */
  #changed = new Float64Array(1024);
  #size = 0;
  #version = 0;

  /** The log offset after the last event counted. */
  get version(): number {
    return this.#version;
  }

  /** Counts one event at a log offset. */
  add(ordinal: number, { action }: Pick<Feedback, 'action'>, offset: number): void {
    const positive = isPositive(action);
    if (!positive && action !== Action.ACTION_IMPRESSION) return;
    if (ordinal >= this.#changed.length) this.#grow(ordinal + 1);
    if (positive) this.#positive[ordinal]++;
    if (action === Action.ACTION_CLICK) this.#click[ordinal]++;
    if (action === Action.ACTION_IMPRESSION) this.#impression[ordinal]++;
    this.#version = offset + 1;
    this.#changed[ordinal] = this.#version;
    this.#size = Math.max(this.#size, ordinal + 1);
  }

  /** This version, unchanged by later events. */
  counters(): ItemCounters {
    return new ItemCounters(
      this.#version,
      this.#positive.slice(0, this.#size),
      this.#impression.slice(0, this.#size),
      this.#click.slice(0, this.#size),
    );
  }

  /** The items changed after a version, with their counts. */
  changedSince(version: number): Candidates {
    const items: number[] = [];
    for (let ordinal = 0; ordinal < this.#size; ordinal++)
      if (this.#changed[ordinal] > version) items.push(ordinal);
    const gather = (counts: Float32Array): Float32Array =>
      Float32Array.from(items, (ordinal) => counts[ordinal]);
    return new Candidates(
      Uint32Array.from(items),
      new Map([
        [Columns.countPositive, gather(this.#positive)],
        [Columns.countImpression, gather(this.#impression)],
        [Columns.countClick, gather(this.#click)],
      ]),
    );
  }

  /** The fold that goes on from a version. */
  static from({ version, positive, impression, click }: ItemCounters): CounterFold {
    const fold = new CounterFold();
    if (positive.length > 0) fold.#grow(positive.length);
    fold.#positive.set(positive);
    fold.#impression.set(impression);
    fold.#click.set(click);
    fold.#changed.fill(version, 0, positive.length);
    fold.#size = positive.length;
    fold.#version = version;
    return fold;
  }

  #grow(size: number): void {
    const length = Math.max(size, this.#changed.length * 2);
    const grown = <T extends Float32Array | Float64Array>(larger: T, values: T): T => {
      larger.set(values);
      return larger;
    };
    this.#positive = grown(new Float32Array(length), this.#positive);
    this.#impression = grown(new Float32Array(length), this.#impression);
    this.#click = grown(new Float32Array(length), this.#click);
    this.#changed = grown(new Float64Array(length), this.#changed);
  }
}
