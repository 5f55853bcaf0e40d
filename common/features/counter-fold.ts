import { z } from 'zod';
import type { Feedback } from '../../gen/millrace/logging/v1/logging.ts';
import { packArrays, unpackArrays } from '../arrays.ts';
import { Candidates, countColumn } from '../columns.ts';
import { type CounterColumns, countOf, ItemCounters } from './item-counters.ts';
import { ITEM_REDUCERS, itemCounters, REDUCTIONS, reduced } from './item-reducers.ts';

const KIND = 'counter-fold';
const CAPACITY_MIN = 1024;
const isSum = itemCounters.map((name) => ITEM_REDUCERS[name].kind === 'sum');

/** The item counters as a fold of feedback in log order. Sums are kept in float64, so that they go on growing where float32 would not. */
export class CounterFold {
  /** By column; each reaches as far as the last item that it counts, with room. */
  readonly #columns: Float32Array[] = itemCounters.map(() => new Float32Array(0));
  /** The exact values of the columns that are sums. */
  readonly #sums: Float64Array[] = itemCounters.map(() => new Float64Array(0));
  /** The version that last changed each item. */
  #changed = new Float64Array(0);
  #size = 0;
  #version = 0;

  /** The log offset after the last event counted. */
  get version(): number {
    return this.#version;
  }

  /** Counts one event at a log offset. */
  add(
    ordinal: number,
    { action, value = Number.NaN }: Pick<Feedback, 'action' | 'value'>,
    timeMs: number,
    offset: number,
  ): void {
    const reductions = REDUCTIONS[action] ?? [];
    if (reductions.length === 0) return;
    for (const { column, kind } of reductions) {
      if (ordinal >= this.#columns[column].length) this.#grow(column, ordinal + 1);
      const values = isSum[column] ? this.#sums[column] : this.#columns[column];
      const after = reduced(kind, values[ordinal], value, timeMs);
      values[ordinal] = after;
      this.#columns[column][ordinal] = after;
    }
    if (ordinal >= this.#changed.length)
      this.#changed = grown(this.#changed, new Float64Array(roomFor(ordinal + 1, this.#changed)));
    this.#version = offset + 1;
    this.#changed[ordinal] = this.#version;
    this.#size = Math.max(this.#size, ordinal + 1);
  }

  /** This version, unchanged by later events; `version`: the offset that it is to be known by. */
  counters(version: number = this.#version): ItemCounters {
    return new ItemCounters(
      version,
      this.#byName((values) => values.slice()),
    );
  }

  /** This version until the next event, without a copy. */
  view(): ItemCounters {
    return new ItemCounters(
      this.#version,
      this.#byName((values) => values),
    );
  }

  /** The items changed after a version, with their counts; columns in which nothing was ever counted are left out. */
  changedSince(version: number): Candidates {
    const items: number[] = [];
    for (let ordinal = 0; ordinal < this.#size; ordinal++)
      if (this.#changed[ordinal] > version) items.push(ordinal);
    const columns = new Map<string, Float32Array>();
    for (const [c, name] of itemCounters.entries()) {
      const counts = this.#columns[c];
      if (counts.length === 0) continue;
      columns.set(
        countColumn(name),
        Float32Array.from(items, (ordinal) => countOf(counts, ordinal)),
      );
    }
    return new Candidates(Uint32Array.from(items), columns);
  }

  /** The whole fold as bytes. */
  serialise(): Uint8Array {
    const columns = this.#byName((values) => values) as Record<string, Float32Array | Float64Array>;
    for (const [c, name] of itemCounters.entries())
      if (isSum[c]) columns[name] = this.#sums[c].subarray(0, this.#size);
    return packArrays(KIND, { version: this.#version, size: this.#size }, columns);
  }

  /** The fold that `serialise` wrote, which goes on from its version. BUNDLE_DAMAGED, naming what is wrong with the bytes. */
  static read(bytes: Uint8Array): CounterFold {
    const part = unpackArrays(bytes, KIND);
    const { version, size } = part.meta(z.object({ version: z.number(), size: z.number() }));
    const fold = new CounterFold();
    for (const [c, name] of itemCounters.entries()) {
      if (isSum[c]) fold.#sums[c] = part.array(name, 'f64').slice();
      fold.#columns[c] = isSum[c] ? Float32Array.from(fold.#sums[c]) : part.array(name, 'f32').slice();
    }
    fold.#changed = new Float64Array(size).fill(version);
    fold.#size = size;
    fold.#version = version;
    return fold;
  }

  #byName(taken: (values: Float32Array) => Float32Array): CounterColumns {
    const columns = itemCounters.map(
      (name, c) => [name, taken(this.#columns[c].subarray(0, this.#size))] as const,
    );
    return Object.fromEntries(columns);
  }

  #grow(column: number, size: number): void {
    const length = roomFor(size, this.#columns[column]);
    this.#columns[column] = grown(this.#columns[column], new Float32Array(length));
    if (isSum[column]) this.#sums[column] = grown(this.#sums[column], new Float64Array(length));
  }
}

function roomFor(size: number, { length }: { length: number }): number {
  return Math.max(size, length * 2, CAPACITY_MIN);
}

function grown<T extends Float32Array | Float64Array>(values: T, larger: T): T {
  larger.set(values);
  return larger;
}
