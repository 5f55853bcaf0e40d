import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import { type CompiledRule, compileRules } from './compiled-rule.ts';
import { ItemRules, lowestBit, maskOf } from './item-rules.ts';
import { appliesTo, normaliseContext, type RuleContext } from './rule-context.ts';
import type { RuleFile } from './rule-file.ts';
import type { RuleEffect } from './schema.ts';

const FLOAT32_MAX = 3.4028234663852886e38;
/** Rows that a require brings into the shortlist, as a multiple of the items it needs, and at least. */
const REQUIRED_SHARE = 4;
const REQUIRED_MIN = 16;

/** The candidates of a request, one item a row. */
export interface RuleCandidates {
  /** Ordinals. */
  readonly items: Uint32Array;
  /** Finite. */
  readonly scores: Float32Array;
}

/** What a request tells the rules. */
export interface RuleRequest {
  readonly context: RuleContext;
  /** Its time, ms since the Unix epoch. */
  readonly nowMs: number;
  /** The slate's length. */
  readonly limit: number;
  /** The rule set in force beside the rules that are in none; empty: none. */
  readonly set: string;
}

/** What the rules did. Valid until the next `apply`. */
export interface RuleOutcome {
  /** One a row. */
  readonly scores: Float32Array;
  /** 1 where a row must not be shown. */
  readonly excluded: Uint8Array;
  /** The row pinned to each position of the slate, -1 for none. */
  readonly pins: Int32Array;
  /** Rows that must be there to choose from, whatever their scores, because rules require some of them. */
  readonly required: readonly number[];
  /** What bandits add to the value of each row. */
  readonly bonuses: Float32Array;
  /** Each effect: index of the rule in `RuleSet.rules`, and the row; excludes, then pins, then what changes scores. */
  readonly firingRule: Uint16Array;
  readonly firingRow: Uint32Array;
}

/**
 * Business rules over the items of a catalogue, by authority: exclusion outranks pins, pins outrank caps and requires, these
 * outrank all that changes scores; within each the rules stand by falling priority, then in the order of their file. An excluded
 * row is neither pinned nor scored anew, and a pinned row keeps its score. A pin takes, among the matching rows that are free,
 * the one with the highest score (ties by ordinal), if no earlier pin has its position; a position past the slate's end pins
 * nothing. Boosts, buries and freshness by half-life multiply, one after the other; a score below zero is divided instead, so
 * that a boost never lowers and a bury never raises. Then the scores of items to be shown newest first are dealt out anew.
 * Not for concurrent use: results live in memory that is reused.
 */
export class RuleSet {
  /** By authority. */
  readonly rules: readonly CompiledRule[];
  /** The names of the file's rule sets. */
  readonly sets: readonly string[];
  /** Identifies what the rules say. */
  readonly version: string;
  readonly items: ItemRules;
  readonly #masks: Readonly<Record<RuleEffect | 'newest' | 'scaling' | 'bonus', Uint32Array>>;
  readonly #active: Uint32Array;
  #bits = new Uint32Array(0);
  #scores = new Float32Array(0);
  #bonuses = new Float32Array(0);
  #excluded = new Uint8Array(0);
  #pinned = new Uint8Array(0);
  #firingRule = new Uint16Array(256);
  #firingRow = new Uint32Array(256);
  #firings = 0;

  constructor({ rules, sets, version }: RuleFile) {
    this.rules = compileRules(rules);
    this.sets = sets;
    this.version = version;
    this.items = new ItemRules(this.rules);
    const of = (...effects: RuleEffect[]) => maskOf(this.rules, ({ effect }) => effects.includes(effect));
    this.#masks = {
      boost: of('boost'),
      bury: of('bury'),
      pin: of('pin'),
      exclude: of('exclude'),
      cap: of('cap'),
      require: of('require'),
      freshness: of('freshness'),
      newest: maskOf(this.rules, ({ halfLifeMs }) => halfLifeMs === 0),
      scaling: maskOf(
        this.rules,
        ({ effect, halfLifeMs }) => effect === 'boost' || effect === 'bury' || halfLifeMs > 0,
      ),
      bonus: maskOf(this.rules, ({ bonus }) => bonus !== 0),
    };
    this.#active = new Uint32Array(this.items.words);
  }

  /** The item of that ordinal from now on; undefined: it was deleted. */
  setItem(ordinal: number, item: Item | undefined): void {
    this.items.set(ordinal, item);
  }

  apply(candidates: RuleCandidates, request: RuleRequest): RuleOutcome {
    const count = candidates.items.length;
    this.#activate(request);
    this.#begin(candidates, request.nowMs);
    const pins = new Int32Array(request.limit).fill(-1);
    this.#exclude(count);
    this.#each('pin', (index) => this.#pin(index, candidates, pins));
    this.#scale(candidates.items, request.nowMs);
    this.#each('newest', (index) => this.#newestFirst(index, candidates.items));
    const required: number[] = [];
    this.#each('require', (index) => this.#bring(index, count, required));
    return {
      scores: this.#scores.subarray(0, count),
      excluded: this.#excluded.subarray(0, count),
      pins,
      required,
      bonuses: this.#bonuses.subarray(0, count),
      firingRule: this.#firingRule.subarray(0, this.#firings),
      firingRow: this.#firingRow.subarray(0, this.#firings),
    };
  }

  /** The rules that apply to requests like the last one. */
  isActive(index: number): boolean {
    return isSet(this.#active, 0, index);
  }

  /** Whether a rule concerns a row of the last request. */
  concerns(row: number, index: number): boolean {
    return isSet(this.#bits, row * this.items.words, index);
  }

  #activate({ context, set }: RuleRequest): void {
    const normalised = normaliseContext(context);
    this.#active.fill(0);
    for (let index = 0; index < this.rules.length; index++) {
      const { when, sets } = this.rules[index];
      if ((sets === undefined || sets.includes(set)) && appliesTo(when, normalised))
        this.#active[index >>> 5] |= 1 << (index & 31);
    }
  }

  #begin({ items, scores }: RuleCandidates, nowMs: number): void {
    const count = items.length;
    if (this.#scores.length < count) {
      this.#scores = new Float32Array(count);
      this.#bonuses = new Float32Array(count);
      this.#excluded = new Uint8Array(count);
      this.#pinned = new Uint8Array(count);
      this.#bits = new Uint32Array(count * this.items.words);
    }
    this.#scores.set(scores);
    this.#bonuses.fill(0, 0, count);
    this.#excluded.fill(0, 0, count);
    this.#pinned.fill(0, 0, count);
    this.#firings = 0;
    const { words } = this.items;
    for (let row = 0; row < count; row++) {
      this.items.read(items[row], this.#active, nowMs, this.#bits, row * words);
      for (let word = 0; word < words; word++)
        for (
          let bits = this.#bits[row * words + word] & this.#masks.bonus[word];
          bits !== 0;
          bits &= bits - 1
        )
          this.#bonuses[row] += this.rules[word * 32 + lowestBit(bits)].bonus;
    }
  }

  /** Calls `act` with every active rule of the kind, by authority. */
  #each(kind: 'pin' | 'newest' | 'require', act: (index: number) => void): void {
    for (let word = 0; word < this.items.words; word++)
      for (let bits = this.#active[word] & this.#masks[kind][word]; bits !== 0; bits &= bits - 1)
        act(word * 32 + lowestBit(bits));
  }

  #exclude(count: number): void {
    const { words } = this.items;
    const mask = this.#masks.exclude;
    for (let row = 0; row < count; row++)
      for (let word = 0; word < words; word++) {
        const bits = this.#bits[row * words + word] & mask[word];
        if (bits === 0) continue;
        this.#excluded[row] = 1;
        this.#fire(word * 32 + lowestBit(bits), row);
        break;
      }
  }

  #pin(index: number, { items, scores }: RuleCandidates, pins: Int32Array): void {
    const { position } = this.rules[index];
    if (position >= pins.length || pins[position] >= 0) return;
    let best = -1;
    for (let row = 0; row < items.length; row++) {
      if (!this.#isFree(row) || !this.concerns(row, index)) continue;
      const ahead =
        best < 0 || scores[row] > scores[best] || (scores[row] === scores[best] && items[row] < items[best]);
      if (ahead) best = row;
    }
    if (best < 0) return;
    pins[position] = best;
    this.#pinned[best] = 1;
    this.#fire(index, best);
  }

  #scale(items: Uint32Array, nowMs: number): void {
    const { words } = this.items;
    for (let row = 0; row < items.length; row++) {
      if (!this.#isFree(row)) continue;
      for (let word = 0; word < words; word++)
        for (
          let bits = this.#bits[row * words + word] & this.#masks.scaling[word];
          bits !== 0;
          bits &= bits - 1
        ) {
          const index = word * 32 + lowestBit(bits);
          const factor = this.#factorOf(index, items[row], nowMs);
          if (Number.isNaN(factor)) continue;
          const scaled = this.#scores[row] < 0 ? this.#scores[row] / factor : this.#scores[row] * factor;
          this.#scores[row] = Math.max(-FLOAT32_MAX, Math.min(FLOAT32_MAX, scaled));
          this.#fire(index, row);
        }
    }
  }

  /** Not a number where the rule needs an age and the item has none. */
  #factorOf(index: number, ordinal: number, nowMs: number): number {
    const { effect, factor, halfLifeMs } = this.rules[index];
    if (effect !== 'freshness') return factor;
    const age = Math.max(0, nowMs - this.items.availableFromMs(ordinal));
    return 1 + (factor - 1) * 2 ** (-age / halfLifeMs);
  }

  #newestFirst(index: number, items: Uint32Array): void {
    const rows: number[] = [];
    const since = (row: number): number => this.items.availableFromMs(items[row]);
    for (let row = 0; row < items.length; row++)
      if (this.#isFree(row) && this.concerns(row, index) && !Number.isNaN(since(row))) rows.push(row);
    const scores = Float32Array.from(rows, (row) => this.#scores[row])
      .sort()
      .reverse();
    rows.sort((a, b) => since(b) - since(a) || this.#scores[b] - this.#scores[a] || items[a] - items[b]);
    const moved = rows.filter((row, at) => this.#scores[row] !== scores[at]);
    for (const [at, row] of rows.entries()) this.#scores[row] = scores[at];
    for (const row of moved) this.#fire(index, row);
  }

  /** Notes the best rows that a require can be met with. */
  #bring(index: number, count: number, required: number[]): void {
    const { itemsMin } = this.rules[index].require as NonNullable<CompiledRule['require']>;
    const rows: number[] = [];
    for (let row = 0; row < count; row++)
      if (this.#excluded[row] === 0 && this.concerns(row, index)) rows.push(row);
    rows.sort((a, b) => this.#scores[b] - this.#scores[a] || a - b);
    required.push(...rows.slice(0, Math.max(REQUIRED_MIN, itemsMin * REQUIRED_SHARE)));
  }

  #isFree(row: number): boolean {
    return this.#excluded[row] === 0 && this.#pinned[row] === 0;
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

function isSet(words: Uint32Array, at: number, index: number): boolean {
  return ((words[at + (index >>> 5)] >>> (index & 31)) & 1) === 1;
}
