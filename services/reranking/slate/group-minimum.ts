import type { Authority, SlateConstraint } from './slate-constraint.ts';

export interface GroupMinimumOptions {
  readonly name: string;
  readonly authority: Authority;
  /** How many positions it may claim; shared with whoever has the same object. Absent: any number. */
  readonly claims?: { left: number };
}

/**
 * So many items of a group in each beginning of the slate. A position is theirs where a later beginning could not reach its
 * minimum otherwise; items that stand pinned further down count for the beginnings that hold them.
 */
export class GroupMinimum implements SlateConstraint {
  readonly name: string;
  readonly authority: Authority;
  readonly #claims: { left: number };
  readonly #members: Uint8Array;
  readonly #minima: ArrayLike<number>;
  #size = 0;
  /** By position: 0 free, 1 another item, 2 a member. */
  #placed = new Uint8Array(0);

  /** `members`: 1 a row of the group. `minima`: at n − 1 how many the first n positions must hold at least; never falling. */
  constructor(
    { name, authority, claims }: GroupMinimumOptions,
    members: Uint8Array,
    minima: ArrayLike<number>,
  ) {
    this.name = name;
    this.authority = authority;
    this.#claims = claims ?? { left: Number.POSITIVE_INFINITY };
    this.#members = members;
    this.#minima = minima;
  }

  begin(_items: Uint32Array, size: number): void {
    this.#size = size;
    this.#placed = new Uint8Array(size);
  }

  open(position: number): boolean {
    if (this.#claims.left === 0 || !this.#mustClaim(position)) return false;
    this.#claims.left--;
    return true;
  }

  admits(row: number): boolean {
    return this.#members[row] === 1;
  }

  place(row: number, position: number): void {
    this.#placed[position] = this.#members[row] === 1 ? 2 : 1;
  }

  /** Whether a beginning of the slate would miss its minimum without a member here. */
  #mustClaim(position: number): boolean {
    let members = 0;
    for (let at = 0; at < position; at++) if (this.#placed[at] === 2) members++;
    let free = 0;
    for (let at = position; at < this.#size; at++) {
      if (this.#placed[at] === 0) free++;
      else if (this.#placed[at] === 2) members++;
      if (this.#minima[at] - members >= free) return true;
    }
    return false;
  }
}

/** Minima that spread `count` members evenly over `size` positions. */
export function spreadMinima(count: number, size: number): Uint16Array {
  return Uint16Array.from({ length: size }, (_, at) => Math.floor((count * (at + 1)) / size));
}
