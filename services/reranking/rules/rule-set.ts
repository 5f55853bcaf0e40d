import { MillraceError } from '../../../common/errors.ts';
import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import { type CompiledRule, compileRule, type RuleEffect } from './compiled-rule.ts';
import { findConflicts } from './conflicts.ts';
import { appliesTo, normaliseContext, type RuleContext } from './rule-context.ts';
import type { Rule } from './schema.ts';

const FLOAT32_MAX = 3.4028234663852886e38;

/** The candidates of a request, one item a row. */
export interface RuleCandidates {
  /** Ordinals. */
  readonly items: Uint32Array;
  /** Finite. */
  readonly scores: Float32Array;
}

/** What the rules did. Valid until the next `apply`. */
export interface RuleOutcome {
  /** One a row. */
  readonly scores: Float32Array;
  /** 1 where a row must not be shown. */
  readonly excluded: Uint8Array;
  /** The row pinned to each position of the slate, -1 for none. */
  readonly pins: Int32Array;
  /** Each effect: index of the rule in `RuleSet.rules`, and the row; by rule within excludes, then pins, then boosts and buries. */
  readonly firingRule: Uint16Array;
  readonly firingRow: Uint32Array;
}

/**
 * Business rules over the items of a catalogue. Strings are compared when an item arrives; a request looks bits up. Exclusion
 * outranks pins, and pins outrank boosts and buries: an excluded row is neither pinned nor scored anew, and a pinned row keeps
 * its score. A pin takes, among the matching rows that are free, the one with the highest score (ties by ordinal); a position
 * past the slate's end pins nothing. Boosts and buries multiply, one after the other; a score below zero is divided instead, so
 * that a boost never lowers and a bury never raises. Not for concurrent use: results live in memory that is reused.
 */
export class RuleSet {
  readonly rules: readonly { readonly name: string; readonly effect: RuleEffect }[];
  readonly #rules: readonly CompiledRule[];
  readonly #agesNeeded: boolean;
  #availableFromMs = new Float64Array(0);
  #scores = new Float32Array(0);
  #excluded = new Uint8Array(0);
  #pinned = new Uint8Array(0);
  #firingRule = new Uint16Array(256);
  #firingRow = new Uint32Array(256);
  #firings = 0;

  constructor(rules: readonly Rule[]) {
    this.#rules = rules.map(compileRule);
    this.rules = this.#rules;
    this.#agesNeeded = this.#rules.some(({ ageMs }) => ageMs !== undefined);
  }

  /** The item of that ordinal from now on; undefined: it was deleted. */
  setItem(ordinal: number, item: Item | undefined): void {
    for (const rule of this.#rules) {
      if (item !== undefined && rule.matcher.matches(item)) rule.items.add(ordinal);
      else rule.items.delete(ordinal);
    }
    if (this.#agesNeeded) this.#setStart(ordinal, item?.availableFromMs || Number.NaN);
  }

  /**
   * To be called once the catalogue's items are set. Throws CONFIG_INVALID telling every conflict with the rules' names. Returns
   * a warning for every id, category and attribute that no item has. `idOf`: the id of an ordinal.
   */
  check(idOf: (ordinal: number) => string): string[] {
    const conflicts = findConflicts(this.#rules, idOf);
    if (conflicts.length > 0)
      throw new MillraceError('CONFIG_INVALID', `reranking.rules: ${conflicts.join('; ')}`);
    return this.#rules.flatMap(({ name, matcher }) =>
      matcher.unmet().map((what) => `rule "${name}": no item has ${what}`),
    );
  }

  /** `nowMs`: the request's time, ms since the Unix epoch. `limit`: the slate's length. */
  apply(candidates: RuleCandidates, context: RuleContext, nowMs: number, limit: number): RuleOutcome {
    const count = candidates.items.length;
    const normalised = normaliseContext(context);
    const pins = new Int32Array(limit).fill(-1);
    this.#begin(candidates.scores, count);
    for (const effects of [['exclude'], ['pin'], ['boost', 'bury']] as const) {
      for (const [index, rule] of this.#rules.entries()) {
        if (!(effects as readonly RuleEffect[]).includes(rule.effect) || !appliesTo(rule.when, normalised))
          continue;
        if (rule.effect === 'exclude') this.#exclude(index, candidates.items, nowMs);
        else if (rule.effect === 'pin') this.#pin(index, candidates, nowMs, pins);
        else this.#scale(index, candidates.items, nowMs);
      }
    }
    return {
      scores: this.#scores.subarray(0, count),
      excluded: this.#excluded.subarray(0, count),
      pins,
      firingRule: this.#firingRule.subarray(0, this.#firings),
      firingRow: this.#firingRow.subarray(0, this.#firings),
    };
  }

  #begin(scores: Float32Array, count: number): void {
    if (this.#scores.length < count) {
      this.#scores = new Float32Array(count);
      this.#excluded = new Uint8Array(count);
      this.#pinned = new Uint8Array(count);
    }
    this.#scores.set(scores);
    this.#excluded.fill(0, 0, count);
    this.#pinned.fill(0, 0, count);
    this.#firings = 0;
  }

  #exclude(index: number, items: Uint32Array, nowMs: number): void {
    const rule = this.#rules[index];
    for (let row = 0; row < items.length; row++) {
      if (this.#excluded[row] === 1 || !this.#matches(rule, items[row], nowMs)) continue;
      this.#excluded[row] = 1;
      this.#fire(index, row);
    }
  }

  #pin(index: number, { items, scores }: RuleCandidates, nowMs: number, pins: Int32Array): void {
    const rule = this.#rules[index];
    if (rule.position >= pins.length || pins[rule.position] >= 0) return;
    let best = -1;
    for (let row = 0; row < items.length; row++) {
      if (this.#excluded[row] === 1 || this.#pinned[row] === 1 || !this.#matches(rule, items[row], nowMs))
        continue;
      const ahead =
        best < 0 || scores[row] > scores[best] || (scores[row] === scores[best] && items[row] < items[best]);
      if (ahead) best = row;
    }
    if (best < 0) return;
    pins[rule.position] = best;
    this.#pinned[best] = 1;
    this.#fire(index, best);
  }

  #scale(index: number, items: Uint32Array, nowMs: number): void {
    const rule = this.#rules[index];
    const scores = this.#scores;
    for (let row = 0; row < items.length; row++) {
      if (this.#excluded[row] === 1 || this.#pinned[row] === 1 || !this.#matches(rule, items[row], nowMs))
        continue;
      const scaled = scores[row] < 0 ? scores[row] / rule.factor : scores[row] * rule.factor;
      scores[row] = Math.max(-FLOAT32_MAX, Math.min(FLOAT32_MAX, scaled));
      this.#fire(index, row);
    }
  }

  #matches({ items, ageMs }: CompiledRule, ordinal: number, nowMs: number): boolean {
    if (!items.has(ordinal)) return false;
    if (ageMs === undefined) return true;
    const age = nowMs - this.#availableFromMs[ordinal];
    return age >= ageMs.atLeast && age <= ageMs.atMost;
  }

  #setStart(ordinal: number, availableFromMs: number): void {
    if (ordinal >= this.#availableFromMs.length) {
      const larger = new Float64Array(Math.max(ordinal + 1, this.#availableFromMs.length * 2)).fill(
        Number.NaN,
      );
      larger.set(this.#availableFromMs);
      this.#availableFromMs = larger;
    }
    this.#availableFromMs[ordinal] = availableFromMs;
  }

  #fire(index: number, row: number): void {
    if (this.#firings === this.#firingRule.length) {
      const [rules, rows] = [this.#firingRule, this.#firingRow];
      this.#firingRule = new Uint16Array(rules.length * 2);
      this.#firingRow = new Uint32Array(rows.length * 2);
      this.#firingRule.set(rules);
      this.#firingRow.set(rows);
    }
    this.#firingRule[this.#firings] = index;
    this.#firingRow[this.#firings++] = row;
  }
}
