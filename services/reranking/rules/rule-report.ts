import { SLATE_DEFAULT } from '../limits.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { canMeet } from './file-faults.ts';
import type { RuleSet } from './rule-set.ts';
import type { RuleEffect } from './schema.ts';

/** Effects by which an item is meant to be shown. */
const SHOWING: readonly RuleEffect[] = ['pin', 'require', 'boost', 'freshness'];
const LIMITS: readonly RuleEffect[] = ['cap', 'require'];

/** One rule that goes before another on items that both match, on some requests. */
export interface Outranking {
  readonly rule: string;
  readonly over: string;
  readonly why: string;
  /** Items of the catalogue that both match, whatever their ages. */
  readonly items: number;
}

/** What rules are to a catalogue. */
export interface RuleReport {
  /** By authority; `items`: how many match, whatever their ages. */
  readonly rules: readonly (Pick<CompiledRule, 'name' | 'effect' | 'priority' | 'place'> & {
    items: number;
    /** Whether only some of them match at a time. */
    byAge: boolean;
  })[];
  readonly outrankings: readonly Outranking[];
  /** What cannot be met, each with its place. */
  readonly faults: readonly string[];
  /** What may be meant and has no effect. */
  readonly warnings: readonly string[];
}

/** `size`: ordinals given so far, all of which the rules have been told of. `idOf`: the id of an ordinal. */
export function reportOn(
  { rules, items }: RuleSet,
  size: number,
  idOf: (ordinal: number) => string,
): RuleReport {
  const shared = sharedItems({ rules, items }, size);
  const both = (a: number, b: number): number => shared[a * rules.length + b];
  const firstOfBoth = (a: number, b: number): string => {
    let ordinal = 0;
    while (!items.matches(ordinal, a) || !items.matches(ordinal, b)) ordinal++;
    return `item "${idOf(ordinal)}"`;
  };
  const pairs = rules.flatMap((one, a) =>
    rules.flatMap((other, b) => (a !== b && canMeet(one, other) ? [{ one, other, a, b }] : [])),
  );
  const faults = pairs.flatMap(({ one, other, a, b }) => {
    const counts = { one: both(a, a), other: both(b, b), both: both(a, b) };
    const reason =
      (one.overrides.includes(b) ? undefined : forbidden(one, other, counts, () => firstOfBoth(a, b))) ??
      (a < b ? atOdds(one, other, counts, () => firstOfBoth(a, b)) : undefined);
    return reason === undefined ? [] : [`${one.place}: rule "${one.name}": ${reason}`];
  });
  return {
    rules: rules.map(({ name, effect, priority, place, ageMs }, a) => ({
      name,
      effect,
      priority,
      place,
      items: both(a, a),
      byAge: ageMs !== undefined,
    })),
    outrankings: pairs.flatMap(({ one, other, a, b }) => {
      const silent = both(a, b) === 0 || other.overrides.includes(a);
      const why = silent ? undefined : whyOver(one, other, a < b, b);
      return why === undefined ? [] : [{ rule: one.name, over: other.name, why, items: both(a, b) }];
    }),
    faults,
    warnings: [
      ...rules.flatMap((rule, a) =>
        warningsOf(rule, both(a, a)).map((what) => `${rule.place}: rule "${rule.name}": ${what}`),
      ),
      ...pairs
        .filter(
          ({ one, other, a, b }) => isFutile(one, other, b) && both(a, a) > 0 && both(a, b) === both(a, a),
        )
        .map(({ one, other }) => `${one.place}: rule "${one.name}": "${other.name}" excludes all its items`),
    ],
  };
}

interface Counts {
  readonly one: number;
  readonly other: number;
  readonly both: number;
}

/** How many items each two rules match both, and on the diagonal each one. */
function sharedItems({ rules, items }: Pick<RuleSet, 'rules' | 'items'>, size: number): Uint32Array {
  const count = rules.length;
  const shared = new Uint32Array(count * count);
  const matching = new Uint32Array(count);
  for (let ordinal = 0; ordinal < size; ordinal++) {
    let length = 0;
    for (let index = 0; index < count; index++) if (items.matches(ordinal, index)) matching[length++] = index;
    for (let i = 0; i < length; i++)
      for (let j = 0; j < length; j++) shared[matching[i] * count + matching[j]]++;
  }
  return shared;
}

/** Why a pin or a require cannot be met beside an exclude that no age limits. */
function forbidden(
  one: CompiledRule,
  other: CompiledRule,
  counts: Counts,
  example: () => string,
): string | undefined {
  if (other.effect !== 'exclude' || other.ageMs !== undefined || counts.both === 0) return undefined;
  if (one.effect === 'pin' && one.ids.length > 0) return `pins ${example()}, which "${other.name}" excludes`;
  if (one.effect !== 'pin' && one.effect !== 'require') return undefined;
  return counts.both === counts.one ? `"${other.name}" excludes every item that it matches` : undefined;
}

/** Why two rules of the same effect cannot both be met. */
function atOdds(
  one: CompiledRule,
  other: CompiledRule,
  counts: Counts,
  example: () => string,
): string | undefined {
  const [a, b] = [one.require, other.require];
  if (a !== undefined && b !== undefined && counts.both === 0 && counts.one > 0 && counts.other > 0) {
    const within = Math.max(a.within, b.within);
    if (a.itemsMin + b.itemsMin > within)
      return `needs ${a.itemsMin} items and "${other.name}" ${b.itemsMin} others, more than the first ${within} hold`;
  }
  const pins = one.effect === 'pin' && other.effect === 'pin' && one.position !== other.position;
  const aged = one.ageMs !== undefined || other.ageMs !== undefined;
  if (!pins || aged || counts.one !== 1 || counts.other !== 1 || counts.both !== 1) return undefined;
  return `pins ${example()} to position ${one.position + 1}, and "${other.name}" to ${other.position + 1}`;
}

/** How `one` goes before `other`; `earlier`: by priority or the order of the file. */
function whyOver(
  one: CompiledRule,
  other: CompiledRule,
  earlier: boolean,
  otherIndex: number,
): string | undefined {
  if (one.overrides.includes(otherIndex)) return 'overrides it';
  if (one.effect === 'exclude') return SHOWING.includes(other.effect) ? 'excludes the items' : undefined;
  if (!earlier) return undefined;
  if (one.effect === 'pin' && other.effect === 'pin')
    return one.position === other.position ? 'has the position' : undefined;
  if (LIMITS.includes(one.effect) && LIMITS.includes(other.effect)) return 'where both cannot be met';
  return undefined;
}

/** Whether `other` excludes, on every request, all that `one` would do something to and it matches too. */
function isFutile(
  one: CompiledRule,
  { effect, when, sets, ageMs }: CompiledRule,
  otherIndex: number,
): boolean {
  const always =
    effect === 'exclude' && ageMs === undefined && sets === undefined && Object.keys(when).length === 0;
  return always && one.effect !== 'exclude' && !one.overrides.includes(otherIndex);
}

function warningsOf({ matcher, require, position }: CompiledRule, items: number): string[] {
  const unmet = matcher.unmet().map((what) => `no item has ${what}`);
  if (unmet.length === 0 && items === 0) unmet.push('no item matches');
  if (position >= SLATE_DEFAULT)
    unmet.push(
      `pins position ${position + 1}; lists have ${SLATE_DEFAULT} where a request asks for no other length`,
    );
  if (require !== undefined && items > 0 && items < require.itemsMin)
    unmet.push(`needs ${require.itemsMin} items, and ${items} match`);
  return unmet;
}
