/** What may not be in one answer: fixed when its request is sent. */
export interface Forbidden {
  readonly userId: string;
  /** Facts up to this one hold for the request; later ones may or may not. */
  readonly asOf: number;
  /** Ids that the request itself excludes, those of earlier pages included. */
  readonly excluded: ReadonlySet<string>;
}

/**
 * What was acknowledged to a driver, kept exactly and in order, to hold answers against: who acted on or hid which item, and
 * which items are blocked or deleted for everyone. A fact counts for requests that are sent after its acknowledgement.
 */
export class ExactTruth {
  #now = 0;
  readonly #acted = new Map<string, Map<string, { at: number; hidden: boolean }>>();
  readonly #past = new Map<string, Set<string>>();
  readonly #isPast: (userId: string, itemId: string) => boolean;
  readonly #gone = new Map<string, { at: number; why: string }>();

  /** `isPast`: what people did before the system was started, beside what `did` is told. */
  constructor(isPast: (userId: string, itemId: string) => boolean = () => false) {
    this.#isPast = isPast;
  }

  /** The place of a request that is sent now among the facts. */
  get now(): number {
    return this.#now;
  }

  /** A person's action on an item was acknowledged. */
  acted(userId: string, itemId: string, hidden: boolean): void {
    const items = this.#acted.get(userId) ?? new Map();
    if (!items.has(itemId) || hidden) items.set(itemId, { at: ++this.#now, hidden });
    this.#acted.set(userId, items);
  }

  /** A person did something with an item before the system was started. */
  did(userId: string, itemId: string): void {
    const items = this.#past.get(userId) ?? new Set();
    this.#past.set(userId, items.add(itemId));
  }

  /** A block (`BLOCKED`) or a deletion (`DELETED`) was acknowledged. */
  gone(itemId: string, why: string): void {
    if (!this.#gone.has(itemId)) this.#gone.set(itemId, { at: ++this.#now, why });
  }

  /** The item is to be offered again: from before that is asked for, it may be. */
  back(itemId: string): void {
    this.#gone.delete(itemId);
  }

  /**
   * What is wrong with an answer's items, one text a fault. `pastUnknown`: the answer says that what the user saw is unchecked,
   * which excuses only what was done before the system was started.
   */
  faults(itemIds: readonly string[], { userId, asOf, excluded }: Forbidden, pastUnknown: boolean): string[] {
    const faults: string[] = [];
    const listed = new Set<string>();
    for (const itemId of itemIds) {
      const gone = this.#gone.get(itemId);
      const acted = this.#acted.get(userId)?.get(itemId);
      if (listed.has(itemId)) faults.push(`DUPLICATE ${itemId}`);
      if (excluded.has(itemId)) faults.push(`EXCLUDED ${itemId}`);
      if (gone !== undefined && gone.at <= asOf) faults.push(`${gone.why} ${itemId}`);
      if (acted !== undefined && acted.at <= asOf)
        faults.push(`${acted.hidden ? 'HIDDEN' : 'SEEN'} ${itemId} for ${userId}`);
      if (!pastUnknown && (this.#past.get(userId)?.has(itemId) || this.#isPast(userId, itemId)))
        faults.push(`SEEN BEFORE ${itemId} for ${userId}`);
      listed.add(itemId);
    }
    return faults;
  }
}
