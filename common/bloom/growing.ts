import { setImmediate } from 'node:timers/promises';
import { metrics } from '../telemetry/metrics.ts';
import { createBloom } from './engines.ts';
import { type BloomEngine, type BloomFilter, bloomShape } from './filter.ts';

const CAPACITY_MIN = 1024;
const TURN_KEYS = 4_096;
/** So few keys that left the set are not worth a rebuild. */
const LEFT_MIN = 64;

interface GrowingBloomOptions {
  /** What it holds, for the metrics. */
  readonly holds: string;
  readonly engine: BloomEngine;
  /** The false-positive rate that the filter is sized for, in (0, 1). */
  readonly rate: number;
  /** uint32. */
  readonly seed: number;
  /** The keys of the set now. */
  readonly members: () => Uint32Array;
}

/**
 * A Bloom filter that follows a set of which it is told every new key. When it has taken the keys that it was sized for, or most
 * of its keys have left the set, another one at twice the size of the set is filled in turns with other work. Until that one is
 * whole the old one answers, and new keys go into both, so that at no time a key of the set is missed.
 */
export class GrowingBloom {
  readonly #options: GrowingBloomOptions;
  #capacity = CAPACITY_MIN;
  #filter: BloomFilter;
  #next: BloomFilter | undefined;
  #rebuilding: Promise<void> = Promise.resolve();
  /** Keys that left the set since the filter that answers, or is being filled, was begun. */
  #left = 0;

  constructor(options: GrowingBloomOptions) {
    this.#options = options;
    this.#filter = this.#empty(0);
  }

  /** Whether a filter is being filled beside the one that answers. */
  get isRebuilding(): boolean {
    return this.#next !== undefined;
  }

  /** Takes a key; it has to be in the set already. */
  add(key: number): void {
    this.#filter.add(key);
    this.#next?.add(key);
    if (this.#filter.added > this.#capacity) this.#beginRebuild();
  }

  /** Takes note that a key is no longer in the set; the filter has it until it is made anew. */
  left(): void {
    this.#left++;
    if (this.#left > LEFT_MIN && this.#left * 2 > this.#filter.added) this.#beginRebuild();
  }

  /** Writes 1 for keys that may be in the set: for all that are, and a few others. */
  hasAll(keys: Uint32Array, out: Uint8Array): void {
    this.#filter.hasAll(keys, out);
  }

  /** Answers when no filter is being filled. */
  async untilWhole(): Promise<void> {
    while (this.#next !== undefined) await this.#rebuilding;
  }

  #beginRebuild(): void {
    if (this.#next === undefined) this.#rebuilding = this.#rebuild();
  }

  async #rebuild(): Promise<void> {
    this.#left = 0;
    const members = this.#options.members();
    const capacity = Math.max(CAPACITY_MIN, members.length * 2);
    const next = this.#empty(capacity);
    this.#next = next;
    for (let from = 0; from < members.length; from += TURN_KEYS) {
      await setImmediate();
      next.addAll(members.subarray(from, from + TURN_KEYS));
    }
    this.#filter = next;
    this.#capacity = capacity;
    this.#next = undefined;
    metrics.bloomRebuiltTotal.inc({ filter: this.#options.holds });
  }

  #empty(capacity: number): BloomFilter {
    const { engine, rate, seed } = this.#options;
    return createBloom(engine, bloomShape(Math.max(CAPACITY_MIN, capacity), rate), seed);
  }
}
