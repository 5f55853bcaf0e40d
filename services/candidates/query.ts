import type { BloomFilter } from '../../common/bloom/filter.ts';
import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { OrdinalSet } from '../../common/ordinal-set.ts';
import { isPositive, seenAt, seenFilterAt, type User } from '../../common/user-state.ts';
import type { Action } from '../../gen/millrace/type/v1/type.ts';

/** Of a request what concerns all sources. */
interface Asked {
  readonly user: User;
  /** Ordinals that stand for the history; those beyond the catalogue are dropped. Undefined: there are none. */
  readonly seeds: Uint32Array | undefined;
  /** Ordinals not to answer. Undefined: none. */
  readonly excluded?: Uint32Array;
  readonly timeMs: number;
}

/** What the sources are asked. One instance serves one request at a time. */
export class Query {
  readonly #catalogue: Catalogue;
  readonly #skipped = new OrdinalSet();
  readonly #distinct = new OrdinalSet();
  #user: User | undefined;
  #seenFilter: BloomFilter | undefined;
  #seeded = false;
  #timeMs = 0;
  #items = new Uint32Array(0);
  #weights: Float32Array | undefined;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  set({ user, seeds, excluded, timeMs }: Asked): void {
    this.#user = user;
    this.#timeMs = timeMs;
    this.#seeded = seeds !== undefined;
    this.#skipped.clear();
    this.#seenFilter = seenFilterAt(user, timeMs);
    this.#skipped.addAll(seenAt(user, timeMs));
    this.#skipped.addAll(user.hidden);
    if (excluded !== undefined) this.#skipped.addAll(excluded);
    if (seeds === undefined) this.#takeHistory(user);
    else {
      this.#items = seeds.filter((ordinal) => ordinal < this.#catalogue.size);
      this.#weights = undefined;
      this.#skipped.addAll(this.#items);
    }
  }

  /** Empty: nobody known. */
  get userId(): string {
    return this.#user?.id ?? '';
  }

  /** Milliseconds since the Unix epoch. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** True if `items` are the request's seeds, which count alike, and not the user's history. */
  get seeded(): boolean {
    return this.#seeded;
  }

  /** The seeds, or the distinct items of the user's positive events ordered by their latest, oldest first. */
  get items(): Uint32Array {
    return this.#items;
  }

  /** Positive events by item, as training weighs a repeated pair; undefined where all are 1. */
  get weights(): Float32Array | undefined {
    return this.#weights;
  }

  /** The last `count` of `items` with their weights. */
  latest(count: number): { items: Uint32Array; weights: Float32Array | undefined } {
    const from = Math.max(0, this.#items.length - count);
    return { items: this.#items.subarray(from), weights: this.#weights?.subarray(from) };
  }

  /** How many rows beyond its quota a source may have to look at, because `skips` is true for them. */
  get skipCount(): number {
    const deleted = this.#catalogue.size - this.#catalogue.liveCount;
    return this.#skipped.size + (this.#seenFilter?.added ?? 0) + deleted;
  }

  /** True for items that retrieval is not to answer: seen, hidden, excluded or deleted ones, and the seeds. */
  skips(ordinal: number): boolean {
    return (
      this.#skipped.has(ordinal) ||
      this.#catalogue.item(ordinal) === undefined ||
      (this.#seenFilter?.has(ordinal) ?? false)
    );
  }

  #takeHistory({ items, actions }: User): void {
    const distinct = this.#distinct;
    distinct.clear();
    let positives = 0;
    for (let event = items.length - 1; event >= 0; event--) {
      if (!isPositive(actions[event] as Action)) continue;
      distinct.add(items[event]);
      positives++;
    }
    const { size } = distinct;
    this.#items = new Uint32Array(size);
    const weights = positives === size ? undefined : new Float32Array(size);
    for (let event = 0; event < items.length; event++) {
      if (!isPositive(actions[event] as Action)) continue;
      const at = size - 1 - distinct.indexOf(items[event]);
      this.#items[at] = items[event];
      if (weights !== undefined) weights[at]++;
    }
    this.#weights = weights;
  }
}
