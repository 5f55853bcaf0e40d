import type { Item } from '../../../gen/millrace/features/v1/features.ts';
import type { CompiledRule } from './compiled-rule.ts';

/** Rules as bits: rule r is bit r mod 32 of word r / 32. */
export function maskOf(
  rules: readonly CompiledRule[],
  chosen: (rule: CompiledRule, index: number) => boolean,
): Uint32Array {
  const mask = new Uint32Array(Math.ceil(rules.length / 32));
  for (const [index, rule] of rules.entries())
    if (chosen(rule, index)) mask[index >>> 5] |= 1 << (index & 31);
  return mask;
}

/** The index of the lowest bit set. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/**
 * Which rules each item meets, by ordinal: a few words of bits an item, set when it arrives, so that a request compares no
 * strings and looks only at rules that match.
 */
export class ItemRules {
  /** Words an item. */
  readonly words: number;
  readonly #rules: readonly CompiledRule[];
  readonly #aged: Uint32Array;
  readonly #overriding: Uint32Array;
  readonly #overridden: readonly Uint32Array[];
  readonly #silenced: Uint32Array;
  #bits = new Uint32Array(0);
  #availableFromMs = new Float64Array(0);

  constructor(rules: readonly CompiledRule[]) {
    this.#rules = rules;
    this.words = Math.ceil(rules.length / 32);
    this.#aged = maskOf(rules, ({ ageMs }) => ageMs !== undefined);
    this.#overriding = maskOf(rules, ({ overrides }) => overrides.length > 0);
    this.#overridden = rules.map(({ overrides }) => maskOf(rules, (_, index) => overrides.includes(index)));
    this.#silenced = new Uint32Array(this.words);
  }

  /** The item of that ordinal from now on; undefined: it was deleted. */
  set(ordinal: number, item: Item | undefined): void {
    this.#reserve(ordinal);
    const at = ordinal * this.words;
    this.#bits.fill(0, at, at + this.words);
    this.#availableFromMs[ordinal] = item?.availableFromMs || Number.NaN;
    if (item === undefined) return;
    for (const [index, { matcher }] of this.#rules.entries())
      if (matcher.matches(item)) this.#bits[at + (index >>> 5)] |= 1 << (index & 31);
  }

  /** The start of the item's availability, ms; not a number where it has none. */
  availableFromMs(ordinal: number): number {
    return ordinal < this.#availableFromMs.length ? this.#availableFromMs[ordinal] : Number.NaN;
  }

  /** Whether the item meets every condition of the rule but the age. */
  matches(ordinal: number, index: number): boolean {
    const at = ordinal * this.words + (index >>> 5);
    return at < this.#bits.length && ((this.#bits[at] >>> (index & 31)) & 1) === 1;
  }

  /** Writes to `out` from `at` on the rules among `active` that concern the item now: it matches, and no other overrides them. */
  read(ordinal: number, active: Uint32Array, nowMs: number, out: Uint32Array, at: number): void {
    const { words } = this;
    const from = ordinal * words;
    let overrides = 0;
    for (let word = 0; word < words; word++) {
      let bits = from + word < this.#bits.length ? this.#bits[from + word] & active[word] : 0;
      for (let aged = bits & this.#aged[word]; aged !== 0; aged &= aged - 1)
        if (!this.#ageHolds(ordinal, word * 32 + lowestBit(aged), nowMs)) bits &= ~(aged & -aged);
      out[at + word] = bits;
      overrides |= bits & this.#overriding[word];
    }
    if (overrides !== 0) this.#silence(out, at);
  }

  #silence(out: Uint32Array, at: number): void {
    const silenced = this.#silenced.fill(0);
    for (let word = 0; word < this.words; word++)
      for (let bits = out[at + word] & this.#overriding[word]; bits !== 0; bits &= bits - 1) {
        const overridden = this.#overridden[word * 32 + lowestBit(bits)];
        for (let other = 0; other < this.words; other++) silenced[other] |= overridden[other];
      }
    for (let word = 0; word < this.words; word++) out[at + word] &= ~silenced[word];
  }

  #ageHolds(ordinal: number, index: number, nowMs: number): boolean {
    const { atLeast, atMost } = this.#rules[index].ageMs as NonNullable<CompiledRule['ageMs']>;
    const age = nowMs - this.#availableFromMs[ordinal];
    return age >= atLeast && age <= atMost;
  }

  #reserve(ordinal: number): void {
    if (ordinal < this.#availableFromMs.length) return;
    const length = Math.max(ordinal + 1, this.#availableFromMs.length * 2);
    const starts = new Float64Array(length).fill(Number.NaN);
    starts.set(this.#availableFromMs);
    this.#availableFromMs = starts;
    const bits = new Uint32Array(length * this.words);
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
