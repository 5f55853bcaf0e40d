import { Bitset } from '../bitset.ts';
import type { BloomEngine } from '../bloom/filter.ts';
import { GrowingBloom } from '../bloom/growing.ts';
import { ObservedRate } from '../bloom/rate.ts';
import type { Filter } from './filter.ts';
import { FILTER_TABLE } from './table.ts';

const SEED = 0x6b1c;

/** The blocked items: an exact bitset behind a Bloom prefilter, which still takes unblocked items for blocked until it is rebuilt. */
export class BlockedItems {
  readonly #exact = new Bitset();
  readonly #prefilter: GrowingBloom;
  readonly #rate = new ObservedRate('blocked');

  constructor(options: { engine: BloomEngine; blockedFalsePositiveRate: number }) {
    this.#prefilter = new GrowingBloom({
      holds: 'blocked',
      engine: options.engine,
      rate: options.blockedFalsePositiveRate,
      seed: SEED,
      members: () => this.#exact.toOrdinals(),
    });
  }

  get size(): number {
    return this.#exact.size;
  }

  block(ordinal: number): void {
    if (this.#exact.add(ordinal)) this.#prefilter.add(ordinal);
  }

  unblock(ordinal: number): void {
    if (this.#exact.delete(ordinal)) this.#prefilter.left();
  }

  has(ordinal: number): boolean {
    return this.#exact.has(ordinal);
  }

  /** Writes 1 for the items that may be blocked: all that are, and a few others. */
  mayHaveAll(items: Uint32Array, out: Uint8Array): void {
    this.#prefilter.hasAll(items, out);
  }

  /** Takes note that of so many items not blocked the prefilter took some for blocked. */
  observe(others: number, positives: number): void {
    this.#rate.observe(others, positives);
  }
}

/** Removes blocked items, and no others. `stillBlocked` confirms a block at a time, for blocks that end. */
export function blockedFilter(
  blocked: BlockedItems,
  stillBlocked: (ordinal: number, nowMs: number) => boolean = (ordinal) => blocked.has(ordinal),
): Filter {
  const { reason } = FILTER_TABLE.blocked;
  let maybe = new Uint8Array(0);
  return {
    name: 'blocked',
    apply(items, removed, { nowMs }) {
      if (blocked.size === 0) return;
      if (maybe.length < items.length) maybe = new Uint8Array(items.length);
      blocked.mayHaveAll(items, maybe);
      let members = 0;
      let positives = 0;
      for (let row = 0; row < items.length; row++) {
        if (maybe[row] === 0) continue;
        positives++;
        if (blocked.has(items[row])) members++;
        if (removed[row] === 0 && stillBlocked(items[row], nowMs)) removed[row] = reason;
      }
      blocked.observe(items.length - members, positives - members);
    },
  };
}
