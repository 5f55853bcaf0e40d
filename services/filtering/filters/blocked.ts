import { Bitset } from '../../../common/bitset.ts';
import { createBloom } from '../../../common/bloom/engines.ts';
import { type BloomEngine, type BloomFilter, bloomShape } from '../../../common/bloom/filter.ts';
import { RemovalReason } from '../../../gen/millrace/filtering/v1/filtering.ts';
import type { Filter } from './filter.ts';

const CAPACITY_MIN = 1024;
const PREFILTER_RATE = 0.01;
const SEED = 0x6b1c;

/**
 * The blocked items: an exact bitset behind a Bloom prefilter. Unblocked items stay in the prefilter, which only costs looks
 * into the bitset, until it has taken as many items as planned and is built anew, at twice the items then blocked.
 */
export class BlockedItems {
  readonly #engine: BloomEngine;
  readonly #exact: Bitset;
  #capacity = 0;
  #prefilter: BloomFilter;

  /** `blocked`: the items blocked at the start; taken over, to be changed through this object only. */
  constructor(engine: BloomEngine, blocked: Bitset = new Bitset()) {
    this.#engine = engine;
    this.#exact = blocked;
    this.#prefilter = this.#rebuilt();
  }

  get size(): number {
    return this.#exact.size;
  }

  block(ordinal: number): void {
    if (!this.#exact.add(ordinal)) return;
    if (this.#prefilter.added < this.#capacity) this.#prefilter.add(ordinal);
    else this.#prefilter = this.#rebuilt();
  }

  unblock(ordinal: number): void {
    this.#exact.delete(ordinal);
  }

  has(ordinal: number): boolean {
    return this.#exact.has(ordinal);
  }

  /** Writes 1 for the items that may be blocked: all that are, and a few others. */
  mayHaveAll(items: Uint32Array, out: Uint8Array): void {
    this.#prefilter.hasAll(items, out);
  }

  #rebuilt(): BloomFilter {
    this.#capacity = Math.max(CAPACITY_MIN, this.#exact.size * 2);
    const prefilter = createBloom(this.#engine, bloomShape(this.#capacity, PREFILTER_RATE), SEED);
    prefilter.addAll(this.#exact.toOrdinals());
    return prefilter;
  }
}

/** Removes blocked items, and no others. `stillBlocked` confirms a block at a time, for blocks that end. */
export function blockedFilter(
  blocked: BlockedItems,
  stillBlocked: (ordinal: number, nowMs: number) => boolean = (ordinal) => blocked.has(ordinal),
): Filter {
  const reason = RemovalReason.REMOVAL_REASON_BLOCKED;
  let maybe = new Uint8Array(0);
  return {
    name: 'blocked',
    reason,
    apply(items, removed, { nowMs }) {
      if (blocked.size === 0) return;
      if (maybe.length < items.length) maybe = new Uint8Array(items.length);
      blocked.mayHaveAll(items, maybe);
      for (let row = 0; row < items.length; row++) {
        if (maybe[row] === 1 && removed[row] === 0 && stillBlocked(items[row], nowMs)) removed[row] = reason;
      }
    },
  };
}
