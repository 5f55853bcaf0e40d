import { Bitset } from '../../../common/bitset.ts';
import { ItemMatcher } from './item-match.ts';
import type { Rule } from './schema.ts';

const DAY_MS = 86_400_000;

export type RuleEffect = 'boost' | 'bury' | 'pin' | 'exclude';

/** A rule as requests use it: a mask of the items that match, and an interval of the start of availability. */
export interface CompiledRule {
  readonly name: string;
  readonly when: Rule['when'];
  readonly effect: RuleEffect;
  /** Of a boost or bury; else 1. */
  readonly factor: number;
  /** Of a pin, from 0; else -1. */
  readonly position: number;
  /** Items that meet every condition but the age. */
  readonly items: Bitset;
  readonly matcher: ItemMatcher;
  /** The ids that the rule lists itself. */
  readonly ids: readonly string[];
  /** The closed range of ages, ms; undefined: any age, and none needed. */
  readonly ageMs: { readonly atLeast: number; readonly atMost: number } | undefined;
}

export function compileRule({ name, when, match, then }: Rule): CompiledRule {
  const { boost, bury, pin } = then;
  const age = match.ageDays;
  return {
    name,
    when,
    effect: Object.keys(then)[0] as RuleEffect,
    factor: boost?.factor ?? bury?.factor ?? 1,
    position: pin === undefined ? -1 : pin.position - 1,
    items: new Bitset(),
    matcher: new ItemMatcher(match),
    ids: match.ids ?? [],
    ageMs: age && {
      atLeast: (age.atLeast ?? Number.NEGATIVE_INFINITY) * DAY_MS,
      atMost: (age.atMost ?? Number.POSITIVE_INFINITY) * DAY_MS,
    },
  };
}
