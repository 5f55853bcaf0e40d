import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { CatalogueFold } from '../../common/catalogue/fold.ts';
import { CounterFold } from '../../common/features/counter-fold.ts';
import { UserFold } from '../../common/users/fold.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import type { CatalogueChange } from '../../gen/millrace/features/v1/features.ts';
import type { RecordedEvent } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';

/** All that the features service knows, as one fold of the log. */
export class FeatureFold {
  readonly users: UserFold;
  readonly counters: CounterFold;
  readonly #items: CatalogueFold;
  #usersOffset: number;
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

  /** The log offset up to which catalogue and counters are folded, exclusive. */
  get offset(): number {
    return this.#offset;
  }

  /** Up to where users are folded, exclusive; behind `offset` between `applyItems` and `applyUsers`. */
  get usersOffset(): number {
    return this.#usersOffset;
  }

  /** Applies events in log order and moves on to `nextOffset`; answers whose state and what of the catalogue has changed. */
  apply(
    events: readonly RecordedEvent[],
    nextOffset: number,
  ): { users: Set<string>; changes: CatalogueChange[] } {
    const { ofUsers, changes } = this.applyItems(events, nextOffset);
    return { users: this.applyUsers(ofUsers, nextOffset), changes };
  }

  /** The part of `apply` that needs no user: catalogue and counters. `ofUsers`: what is left for `applyUsers`. */
  applyItems(
    events: readonly RecordedEvent[],
    nextOffset: number,
  ): { ofUsers: RecordedEvent[]; changes: CatalogueChange[] } {
    const ofUsers: RecordedEvent[] = [];
    const changes: CatalogueChange[] = [];
    for (const recorded of events) {
      const { offset, event } = recorded;
      if (event === undefined || offset < this.#offset) continue;
      const { feedback, user, catalogue, forgotten } = event;
      if (catalogue !== undefined && this.#items.apply(event)) changes.push(catalogue);
      let isOfUser = user !== undefined || forgotten !== undefined;
      if (feedback !== undefined) {
        const ordinal = this.catalogue.ordinalEver(feedback.itemId);
        if (ordinal !== undefined) this.counters.add(ordinal, feedback, event.timeMs, offset);
        isOfUser = ordinal !== undefined || feedback.action === Action.ACTION_PREFER;
      }
      if (isOfUser && offset >= this.#usersOffset) ofUsers.push(recorded);
    }
    this.#offset = Math.max(this.#offset, nextOffset);
    return { ofUsers, changes };
  }

  /**
   * The rest of `apply`, batch by batch in the same order, at once or later: feedback on items that the catalogue did not have is
   * not among it, and an ordinal stays once given. Answers whose state has changed.
   */
  applyUsers(ofUsers: readonly RecordedEvent[], nextOffset: number): Set<string> {
    const users = new Set<string>();
    for (const { event } of ofUsers) {
      if (event?.forgotten !== undefined) this.users.forget(event.forgotten.userId, users);
      else if (event?.user !== undefined) this.users.attributes(event.user, users);
      else if (event?.feedback !== undefined) this.users.feedback(event.feedback, event.timeMs, users);
    }
    this.#usersOffset = Math.max(this.#usersOffset, nextOffset);
    return users;
  }
}
