import type { SlateConstraint } from '../../slate/slate-constraint.ts';
import { CapCounts, type RowCap } from './cap-counts.ts';
import { RequirePlan, type RowRequire } from './require-plan.ts';

const NONE = -1;
const NO_ITEMS = new Uint32Array(0);

/** A cap or a require of a slate. */
export interface RowLimit {
  /** The index of its rule. */
  readonly rule: number;
  readonly cap?: RowCap;
  readonly require?: Omit<RowRequire, 'capsAbove'> & { readonly counted: Uint8Array };
}

/** What limits did to a slate. */
export interface LimitOutcome {
  /** Rule and row: a require brought the row in before one of a higher score, or a cap kept it out before one of a lower score. */
  readonly firings: readonly { readonly rule: number; readonly row: number }[];
  /** Rules that are not met, and at how many positions. */
  readonly unmet: readonly { readonly rule: number; readonly slots: number }[];
}

/**
 * The caps and requires of the rules over one slate, as one constraint that always admits a row. Requires are planned for when
 * the pinned rows stand: rows are set aside for the last positions that will do, and a position is left to the selector as long
 * as the plan can be kept, or changed for the row chosen. Where no row keeps all caps at a position, those that the stronger ones
 * leave without a row are passed over there.
 */
export class SlateLimits implements SlateConstraint {
  readonly name = 'rules';
  readonly authority = 'rule';
  readonly #limits: readonly RowLimit[];
  readonly #scores: Float32Array;
  readonly #capRules: readonly number[];
  readonly #requireRules: readonly number[];
  readonly #serves: Uint32Array;
  #caps: CapCounts;
  #plan: RequirePlan;
  #planned = false;
  /** By row, at the open position: not admitted, admitted, or admitted in place of the row planned for position - 1. */
  readonly #admitted: Int32Array;
  /** By row: the cap that refused it at the open position, or -1. */
  readonly #refusedBy: Int32Array;
  /** By row: the first cap that kept it out while a row of a lower score came in, or -1. */
  readonly #keptOut: Int32Array;
  #forcing = 0;
  readonly #forced: { rule: number; row: number }[] = [];

  /** `limits`: by authority. `scores`: one a row, the higher the better. */
  constructor(limits: readonly RowLimit[], scores: Float32Array) {
    this.#limits = limits;
    this.#scores = scores;
    this.#capRules = limits.filter(({ cap }) => cap !== undefined).map(({ rule }) => rule);
    this.#requireRules = limits.filter(({ require }) => require !== undefined).map(({ rule }) => rule);
    this.#serves = new Uint32Array(scores.length);
    this.#admitted = new Int32Array(scores.length);
    this.#refusedBy = new Int32Array(scores.length);
    this.#keptOut = new Int32Array(scores.length).fill(NONE);
    const requires = limits.flatMap(({ require }) => require ?? []);
    for (const [r, { counted }] of requires.entries())
      for (let row = 0; row < scores.length; row++) if (counted[row] === 1) this.#serves[row] |= 1 << r;
    [this.#caps, this.#plan] = this.#start(NO_ITEMS, 0);
  }

  begin(items: Uint32Array, size: number): void {
    [this.#caps, this.#plan] = this.#start(items, size);
    this.#planned = false;
    this.#keptOut.fill(NONE);
    this.#forced.length = 0;
  }

  open(position: number): boolean {
    if (!this.#planned) {
      this.#plan.make();
      this.#release();
      this.#planned = true;
    }
    const reserved = this.#postpone(position);
    this.#forcing = reserved < 0 ? 0 : this.#plan.neededFor(position);
    this.#caps.refusals(position, this.#refusedBy);
    let admits = 0;
    for (let row = 0; row < this.#scores.length; row++) {
      if (this.#isStanding(row)) continue;
      if (reserved >= 0) this.#admitted[row] = this.#instead(row, position);
      else if (this.#refusedBy[row] < 0) this.#admitted[row] = 1;
      else this.#admitted[row] = this.#atFree(row, position);
      if (this.#admitted[row] !== 0) admits++;
    }
    if (admits === 0) this.#relax(position);
    return true;
  }

  admits(row: number): boolean {
    return this.#admitted[row] !== 0;
  }

  place(row: number, position: number): void {
    const plan = this.#plan;
    if (this.#planned) {
      this.#noteKeptOut(row);
      for (let bits = this.#passesOver(row) ? this.#forcing : 0; bits !== 0; bits &= bits - 1)
        this.#forced.push({ rule: this.#requireRules[31 - Math.clz32(bits & -bits)], row });
      if (plan.plannedAt[row] >= 0) plan.drop(plan.plannedAt[row]);
      const instead = this.#admitted[row] - 2;
      if (instead >= 0 && plan.planned[instead] >= 0) plan.drop(instead);
      if (plan.planned[position] >= 0) plan.drop(position);
    }
    plan.stand(row, position);
    if (this.#planned) this.#release();
  }

  /** What was done, once the slate is full. */
  outcome(): LimitOutcome {
    const excess = this.#caps.excess();
    const lacking = this.#plan.lacking();
    const slotsOf = ({ rule, cap }: RowLimit): number =>
      cap === undefined ? lacking[this.#requireRules.indexOf(rule)] : excess[this.#capRules.indexOf(rule)];
    const kept = Array.from(this.#keptOut, (cap, row) => ({ rule: this.#capRules[cap], row }));
    return {
      firings: [
        ...this.#forced,
        ...kept.filter(({ rule, row }) => rule !== undefined && !this.#isStanding(row)),
      ],
      unmet: this.#limits
        .map((limit) => ({ rule: limit.rule, slots: slotsOf(limit) }))
        .filter(({ slots }) => slots > 0),
    };
  }

  #start(items: Uint32Array, size: number): [CapCounts, RequirePlan] {
    const caps = this.#limits.flatMap(({ cap }) => cap ?? []);
    let capsAbove = 0;
    const requires: RowRequire[] = [];
    for (const { cap, require } of this.#limits) {
      if (cap !== undefined) capsAbove++;
      if (require !== undefined) requires.push({ ...require, capsAbove });
    }
    const byScore = rowsByScore(this.#scores, items.length);
    const counts = new CapCounts(caps, items, size);
    const capped = { count: caps.length, windows: caps.some(({ window }) => window > 0) };
    return [counts, new RequirePlan(requires, this.#serves, counts, capped, byScore, size)];
  }

  #isStanding(row: number): boolean {
    return this.#plan.isStanding(row);
  }

  /** Moves what is planned for the position to a later one where that will do; answers the row that must come now, or -1. */
  #postpone(position: number): number {
    const plan = this.#plan;
    const row = plan.planned[position];
    if (row < 0) return NONE;
    if (plan.neededFor(position) === 0) {
      plan.drop(position);
      return NONE;
    }
    const end = plan.endOf(plan.neededFor(position));
    plan.drop(position);
    for (let later = end - 1; later > position; later--) {
      if (!plan.isFree(later) || this.#refusing(row, later) >= 0) continue;
      plan.plan(row, later);
      return NONE;
    }
    plan.plan(row, position);
    return row;
  }

  /** Whether a row that a cap refuses beside all that is planned may come to a position for which none is planned. */
  #atFree(row: number, position: number): number {
    const plan = this.#plan;
    const from = plan.plannedAt[row];
    if (from >= 0) {
      plan.drop(from);
      const refused = this.#refusing(row, position);
      plan.plan(row, from);
      this.#refusedBy[row] = NONE;
      return refused < 0 ? 1 : 0;
    }
    if (this.#serves[row] === 0) return 0;
    for (let other = position + 1; other < plan.planned.length; other++)
      if (plan.planned[other] >= 0 && this.#replaces(row, other, position)) {
        this.#refusedBy[row] = NONE;
        return other + 2;
      }
    return 0;
  }

  /** Whether the row may come instead of the one planned for the position. */
  #instead(row: number, position: number): number {
    this.#refusedBy[row] = NONE;
    if (this.#plan.planned[position] === row) return 1;
    if (this.#plan.plannedAt[row] >= 0) return 0;
    return this.#replaces(row, position, position) ? position + 2 : 0;
  }

  /** Whether the row, standing at `position`, would do all that the row planned for `other` is needed for, and keep the caps. */
  #replaces(row: number, other: number, position: number): boolean {
    const plan = this.#plan;
    if ((plan.neededFor(other) & ~this.#serves[row]) !== 0) return false;
    const planned = plan.planned[other];
    plan.drop(other);
    const refused = this.#refusing(row, position);
    plan.plan(planned, other);
    return refused < 0;
  }

  #refusing(row: number, position: number): number {
    return this.#caps.refusing(row, position, this.#capRules.length);
  }

  /** Cap by cap, the strongest first, admits only the rows that keep it, unless there are none. Rows planned for later come last. */
  #relax(position: number): void {
    let left: number[] = [];
    for (let row = 0; row < this.#scores.length; row++) if (!this.#isStanding(row)) left.push(row);
    const unplanned = left.filter((row) => this.#plan.plannedAt[row] < 0);
    if (unplanned.length > 0) left = unplanned;
    for (let cap = 0; cap < this.#capRules.length; cap++) {
      const keeping = left.filter((row) => !this.#caps.refuses(row, position, cap));
      if (keeping.length > 0) left = keeping;
    }
    for (const row of left) this.#admitted[row] = 1;
  }

  /** Whether a row of a higher score was not admitted. */
  #passesOver(placed: number): boolean {
    for (let row = 0; row < this.#scores.length; row++)
      if (this.#admitted[row] === 0 && !this.#isStanding(row) && this.#scores[row] > this.#scores[placed])
        return true;
    return false;
  }

  #noteKeptOut(placed: number): void {
    for (let row = 0; row < this.#scores.length; row++)
      if (this.#refusedBy[row] >= 0 && this.#keptOut[row] < 0 && this.#scores[row] > this.#scores[placed])
        this.#keptOut[row] = this.#refusedBy[row];
  }

  /** Gives up what is planned and no longer needed. */
  #release(): void {
    const plan = this.#plan;
    for (let position = 0; position < plan.planned.length; position++)
      if (plan.planned[position] >= 0 && plan.neededFor(position) === 0) plan.drop(position);
  }
}

/** The rows by falling score, ties by row; they mostly come so. */
function rowsByScore(scores: Float32Array, count: number): Uint32Array {
  const rows = new Uint32Array(count);
  let isSorted = true;
  for (let row = 0; row < count; row++) {
    rows[row] = row;
    if (row > 0 && scores[row] > scores[row - 1]) isSorted = false;
  }
  return isSorted ? rows : rows.sort((a, b) => scores[b] - scores[a] || a - b);
}
