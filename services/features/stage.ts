import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { CatalogueFold } from '../../common/catalogue/fold.ts';
import { CounterFold } from '../../common/features/counter-fold.ts';
import { UserFold } from '../../common/users/fold.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import type { CatalogueChange } from '../../gen/millrace/features/v1/features.ts';
import type { RecordedEvent } from '../../gen/millrace/logging/v1/logging.ts';

/** All that the features service knows, as one fold of the log. */
export class FeatureFold {
  readonly users: UserFold;
  readonly counters: CounterFold;
  readonly #items: CatalogueFold;
  readonly #usersOffset: number;
  #offset: number;

  /** `usersOffset`: up to where users are folded already, if that is further than the rest. */
  constructor(parts: {
    catalogue: CatalogueFold;
    users: UserFold;
    counters: CounterFold;
    offset: number;
    usersOffset?: number;
  }) {
    this.#items = parts.catalogue;
    this.users = parts.users;
    this.counters = parts.counters;
    this.#offset = parts.offset;
    this.#usersOffset = parts.usersOffset ?? parts.offset;
  }

  /** The fold of an empty log. */
  static empty(limits: UserLimits, usersOffset = 0): FeatureFold {
    const catalogue = new CatalogueFold();
    return new FeatureFold({
      catalogue,
      users: new UserFold(catalogue.catalogue, limits),
      counters: new CounterFold(),
      offset: 0,
      usersOffset,
    });
  }

  get catalogue(): Catalogue {
    return this.#items.catalogue;
  }

  /** See `CatalogueFold.lastBatch`. */
  get lastBatch(): string {
    return this.#items.lastBatch;
  }

  /** See `CatalogueFold.hasApplied`. */
  hasApplied(batch: string, epoch: number): boolean {
    return this.#items.hasApplied(batch, epoch);
  }

  /** The log offset up to which everything is folded, exclusive. */
  get offset(): number {
    return this.#offset;
  }

  /** The first of the events whose users are not folded yet. */
  get usersOffset(): number {
    return Math.max(this.#offset, this.#usersOffset);
  }

  /** Applies events in log order and moves on to `nextOffset`; answers whose state and what of the catalogue has changed. */
  apply(
    events: readonly RecordedEvent[],
    nextOffset: number,
  ): { users: Set<string>; changes: CatalogueChange[] } {
    const users = new Set<string>();
    const changes: CatalogueChange[] = [];
    for (const { offset, event } of events) {
      if (event === undefined || offset < this.#offset) continue;
      const { feedback, user, catalogue } = event;
      if (catalogue !== undefined && this.#items.apply(event)) changes.push(catalogue);
      const foldsUsers = offset >= this.#usersOffset;
      if (user !== undefined && foldsUsers) this.users.attributes(user, users);
      if (feedback !== undefined) {
        const ordinal = foldsUsers
          ? this.users.feedback(feedback, event.timeMs, users)
          : this.catalogue.ordinalEver(feedback.itemId);
        if (ordinal !== undefined) this.counters.add(ordinal, feedback, event.timeMs, offset);
      }
    }
    this.#offset = Math.max(this.#offset, nextOffset);
    return { users, changes };
  }
}
