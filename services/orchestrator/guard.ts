import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import type { User } from '../../common/user-state.ts';
import { RemovalReason } from '../../gen/millrace/filtering/v1/filtering.ts';

/** What must hold for every item of one answer, whatever the stages say. */
export interface GuardInput {
  readonly catalogue: Catalogue;
  readonly user: User;
  /** Ordinals that the request excludes: its own, those of earlier pages, and what the user did that the state does not know yet. */
  readonly excluded: ReadonlySet<number>;
  readonly timeMs: number;
  /** Empty: unknown. */
  readonly region: string;
}

/**
 * The orchestrator's own last look, item by item in the order asked: in the catalogue, no duplicate, not blocked, not hidden,
 * not seen, not excluded, available here and now. The same rules stand in for the filtering stage while it is away.
 */
export class Guard {
  readonly #input: GuardInput;
  readonly #passed = new Set<number>();

  constructor(input: GuardInput) {
    this.#input = input;
  }

  /** Why the item must not be shown; UNSPECIFIED if it may, and then it may not again. */
  admit(ordinal: number): RemovalReason {
    const reason = this.check(ordinal);
    if (reason === RemovalReason.REMOVAL_REASON_UNSPECIFIED) this.#passed.add(ordinal);
    return reason;
  }

  /** Why the item must not be shown; UNSPECIFIED if it may. */
  check(ordinal: number): RemovalReason {
    const { catalogue, user, excluded, timeMs, region } = this.#input;
    const item = catalogue.item(ordinal);
    if (item === undefined) return RemovalReason.REMOVAL_REASON_UNKNOWN_ITEM;
    if (this.#passed.has(ordinal)) return RemovalReason.REMOVAL_REASON_DUPLICATE;
    if (catalogue.isBlocked(ordinal, timeMs)) return RemovalReason.REMOVAL_REASON_BLOCKED;
    if (user.hidden.includes(ordinal)) return RemovalReason.REMOVAL_REASON_HIDDEN;
    if (user.seen.includes(ordinal) || user.seenFilter?.has(ordinal))
      return RemovalReason.REMOVAL_REASON_SEEN;
    if (excluded.has(ordinal)) return RemovalReason.REMOVAL_REASON_EXCLUDED;
    if (timeMs < item.availableFromMs || (item.availableUntilMs > 0 && timeMs >= item.availableUntilMs)) {
      return RemovalReason.REMOVAL_REASON_UNAVAILABLE;
    }
    if (item.regions.length > 0 && !item.regions.includes(region)) return RemovalReason.REMOVAL_REASON_REGION;
    return RemovalReason.REMOVAL_REASON_UNSPECIFIED;
  }
}
