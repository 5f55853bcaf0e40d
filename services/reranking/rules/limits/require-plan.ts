import type { CapCounts } from './cap-counts.ts';

/** A require of a rule over the rows of one slate. */
export interface RowRequire {
  readonly itemsMin: number;
  readonly within: number;
  /** How many of the caps outrank it. */
  readonly capsAbove: number;
}

/** Steps of all searches for one slate, and those that a search may take when they are spent; one that takes more has failed. */
const STEPS_MAX = 10_000;
const STEPS_MIN = 300;
const FREE = -1;

/**
 * The slate's positions: rows that stand there, and rows planned to come there so that the requires will be met, as late as they
 * can. Wherever a row is put, what is planned keeps the caps.
 */
export class RequirePlan {
  /** By position: the row that stands there, or -1. */
  readonly standing: Int32Array;
  /** By position: the row planned to come there, or -1. */
  readonly planned: Int32Array;
  /** By row: the position planned for it, or -1. */
  readonly plannedAt: Int32Array;
  /** How many items each require is planned to get: fewer than it asks for where no more can be had. */
  readonly wanted: Int32Array;
  readonly #requires: readonly RowRequire[];
  readonly #serves: Uint32Array;
  readonly #caps: CapCounts;
  readonly #capCount: number;
  readonly #rowsByScore: Uint32Array;
  readonly #have: Int32Array;
  readonly #isStanding: Uint8Array;
  /** Whether a cap has a window; else positions matter only for the ends of the requires. */
  readonly #windows: boolean;
  #stepsLeft = STEPS_MAX;
  #steps = 0;

  /** `requires`: by authority, at most 32; `serves`: bit r of a row's word says that it counts for require r. */
  constructor(
    requires: readonly RowRequire[],
    serves: Uint32Array,
    caps: CapCounts,
    capped: { readonly count: number; readonly windows: boolean },
    rowsByScore: Uint32Array,
    size: number,
  ) {
    this.#requires = requires;
    this.#serves = serves;
    this.#caps = caps;
    this.#capCount = capped.count;
    this.#windows = capped.windows;
    this.#rowsByScore = rowsByScore;
    this.standing = new Int32Array(size).fill(FREE);
    this.planned = new Int32Array(size).fill(FREE);
    this.plannedAt = new Int32Array(serves.length).fill(FREE);
    this.wanted = new Int32Array(requires.length);
    this.#have = new Int32Array(requires.length);
    this.#isStanding = new Uint8Array(serves.length);
  }

  /** A row stands at the position from now on. */
  stand(row: number, position: number): void {
    this.standing[position] = row;
    this.#isStanding[row] = 1;
    this.#count(row, position, 1);
  }

  plan(row: number, position: number): void {
    this.planned[position] = row;
    this.plannedAt[row] = position;
    this.#count(row, position, 1);
  }

  /** Gives up what is planned for the position. */
  drop(position: number): void {
    const row = this.planned[position];
    this.planned[position] = FREE;
    this.plannedAt[row] = FREE;
    this.#count(row, position, -1);
  }

  isStanding(row: number): boolean {
    return this.#isStanding[row] === 1;
  }

  isFree(position: number): boolean {
    return this.standing[position] === FREE && this.planned[position] === FREE;
  }

  /** The requires that would lack an item without the row planned for the position. */
  neededFor(position: number): number {
    let needed = 0;
    const serves = this.#serves[this.planned[position]];
    for (let r = 0; r < this.#requires.length; r++)
      if (
        ((serves >>> r) & 1) === 1 &&
        position < this.#requires[r].within &&
        this.#have[r] <= this.wanted[r]
      )
        needed |= 1 << r;
    return needed;
  }

  /** The end of the positions in which all of the requires would count a row. */
  endOf(requires: number): number {
    let end = this.standing.length;
    for (let r = 0; r < this.#requires.length; r++)
      if (((requires >>> r) & 1) === 1) end = Math.min(end, this.#requires[r].within);
    return end;
  }

  /** How many items each require lacks of what its rule asks for. */
  lacking(): Int32Array {
    return this.#have.map((have, r) => Math.max(0, this.#requires[r].itemsMin - have));
  }

  /**
   * Plans for all requires, given what stands. Where that cannot be: require by require by falling authority, first at the
   * expense of the caps that it outranks, the weakest first, then with fewer items.
   */
  make(): void {
    for (const [r, { itemsMin }] of this.#requires.entries())
      this.wanted[r] = Math.min(itemsMin, this.#reachable(r));
    if (this.#search(this.#capCount)) return;
    const most = this.wanted.slice();
    this.wanted.fill(0);
    let considered = this.#capCount;
    for (const [r, { capsAbove }] of this.#requires.entries()) {
      for (this.wanted[r] = most[r]; this.wanted[r] > 0; this.wanted[r]--) {
        const lowest = Math.min(considered, capsAbove);
        let tried = considered;
        while (tried >= lowest && !this.#search(tried)) tried--;
        if (tried < lowest) continue;
        considered = tried;
        break;
      }
    }
    this.#search(considered);
  }

  #reachable(r: number): number {
    let count = this.#have[r];
    for (let row = 0; row < this.#serves.length; row++)
      if (
        ((this.#serves[row] >>> r) & 1) === 1 &&
        this.#isStanding[row] === 0 &&
        this.plannedAt[row] === FREE
      )
        count++;
    return count;
  }

  /** Plans anew; false, with nothing planned, where no plan was found. `considered`: the strongest caps, which must hold. */
  #search(considered: number): boolean {
    for (let position = 0; position < this.planned.length; position++)
      if (this.planned[position] !== FREE) this.drop(position);
    this.#steps = Math.max(STEPS_MIN, this.#stepsLeft);
    const allowed = this.#steps;
    const found = this.#extend(considered, FREE, 0);
    this.#stepsLeft -= allowed - this.#steps;
    if (found && !this.#windows) this.#order();
    return found;
  }

  /** Lets the better of two planned rows that serve the same requires come first. */
  #order(): void {
    const { planned } = this;
    const rank = (row: number): number => this.#rowsByScore.indexOf(row);
    for (let first = 0; first < planned.length; first++)
      for (let second = first + 1; second < planned.length; second++) {
        const [a, b] = [planned[first], planned[second]];
        if (a < 0 || b < 0 || this.#serves[a] !== this.#serves[b] || rank(a) < rank(b)) continue;
        this.drop(first);
        this.drop(second);
        this.plan(b, first);
        this.plan(a, second);
      }
  }

  /** The last end of a require that is not after the position. */
  #endBelow(position: number): number {
    let below = 0;
    for (const { within } of this.#requires) if (within <= position && within > below) below = within;
    return below;
  }

  /** `last`: the require that was served last, `from`: where its rows were left, since their order makes no difference. */
  #extend(considered: number, last: number, from: number): boolean {
    const r = this.#have.findIndex((have, at) => have < this.wanted[at]);
    if (r < 0) return true;
    for (let at = r === last ? from : 0; at < this.#rowsByScore.length; at++) {
      const row = this.#rowsByScore[at];
      if (
        ((this.#serves[row] >>> r) & 1) === 0 ||
        this.#isStanding[row] === 1 ||
        this.plannedAt[row] !== FREE
      )
        continue;
      for (
        let position = Math.min(this.#requires[r].within, this.planned.length) - 1;
        position >= 0;
        position--
      ) {
        if (!this.isFree(position)) continue;
        if (this.#steps-- <= 0) return false;
        if (this.#caps.refusing(row, position, considered) < 0) {
          this.plan(row, position);
          if (this.#extend(considered, r, at + 1)) return true;
          this.drop(position);
        }
        if (!this.#windows) position = this.#endBelow(position);
      }
    }
    return false;
  }

  #count(row: number, position: number, by: number): void {
    if (by > 0) this.#caps.put(row, position);
    else this.#caps.take(row, position);
    for (let bits = this.#serves[row]; bits !== 0; bits &= bits - 1) {
      const r = 31 - Math.clz32(bits & -bits);
      if (position < this.#requires[r].within) this.#have[r] += by;
    }
  }
}
