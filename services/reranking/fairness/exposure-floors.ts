import { GroupMinimum, spreadMinima } from '../slate/group-minimum.ts';
import type { Reserve } from '../slate/shortlist.ts';
import type { SlateConstraint } from '../slate/slate-constraint.ts';
import type { ExposureLedger } from './exposure-ledger.ts';
import type { ItemGroup } from './item-group.ts';

export interface ExposureFloor {
  readonly group: ItemGroup;
  /** Of all slots over time. */
  readonly share: number;
}

/**
 * Holds each group's share of the slots over time: a slate owes a group what it is short of, spread over the slate, and all floors
 * together may claim `budget` of its slots (at least one) that would not have been theirs. Nothing is drawn: what a slate owes
 * follows from the slates before it.
 */
export class ExposureFloors {
  readonly #floors: readonly ExposureFloor[];
  readonly #budget: number;
  readonly #ledger: ExposureLedger;

  constructor(floors: readonly ExposureFloor[], budget: number, ledger: ExposureLedger) {
    this.#floors = floors;
    this.#budget = budget;
    this.#ledger = ledger;
  }

  /** What the shortlist must hold for the floors of a slate of `size`. */
  reserves(size: number): Reserve[] {
    const count = this.#claims(size);
    return this.#owed(size).map(({ group }) => ({ group, count }));
  }

  constraints(items: Uint32Array, size: number, nowMs: number): SlateConstraint[] {
    const claims = { left: this.#claims(size) };
    return this.#owed(size).map(({ group, owed }) => {
      const members = Uint8Array.from(items, (item) => (group.has(item, nowMs) ? 1 : 0));
      return new GroupMinimum(
        { name: `floor ${group.name}`, authority: 'exploration', claims },
        members,
        spreadMinima(owed, size),
      );
    });
  }

  #claims(size: number): number {
    return Math.max(1, Math.floor(this.#budget * size));
  }

  #owed(size: number): { group: ItemGroup; owed: number }[] {
    return this.#floors
      .map(({ group, share }) => ({ group, owed: this.#ledger.shortfall(group.name, share, size) }))
      .filter(({ owed }) => owed > 0);
  }
}
