import { ItemMatcher } from './item-match.ts';
import { lowerCased } from './rule-context.ts';
import type { FileRule } from './rule-file.ts';
import { effectOf, type Rule, type RuleEffect } from './schema.ts';

const DAY_MS = 86_400_000;

/** A rule as requests use it. */
export interface CompiledRule {
  readonly name: string;
  /** Where it stands, as `rules.yaml:12:5`. */
  readonly place: string;
  readonly priority: number;
  /** In lower case. */
  readonly when: Rule['when'];
  readonly sets: readonly string[] | undefined;
  readonly effect: RuleEffect;
  /** Of a boost, a bury or a freshness with a half-life; else 1. */
  readonly factor: number;
  /** Of a freshness, ms; 0: newest first. Of others not a number. */
  readonly halfLifeMs: number;
  /** Of a pin, from 0; else -1. */
  readonly position: number;
  readonly cap: Rule['then']['cap'];
  readonly require: Rule['then']['require'];
  readonly bonus: number;
  readonly matcher: ItemMatcher;
  /** The ids that the rule lists itself. */
  readonly ids: readonly string[];
  /** The closed range of ages, ms; undefined: any age, and none needed. */
  readonly ageMs: { readonly atLeast: number; readonly atMost: number } | undefined;
  /** Indices of the rules that it overrides. */
  readonly overrides: readonly number[];
}

export function compileRules(rules: readonly FileRule[]): CompiledRule[] {
  const indices = new Map(rules.map(({ name }, index) => [name, index]));
  return rules.map((rule) => {
    const { boost, bury, pin, cap, require, freshness } = rule.then;
    const faded = freshness === 'newestFirst' ? undefined : freshness;
    const age = rule.match.ageDays;
    return {
      name: rule.name,
      place: rule.place,
      priority: rule.priority,
      when: lowerCased(rule.when),
      sets: rule.sets,
      effect: effectOf(rule.then),
      factor: boost?.factor ?? bury?.factor ?? faded?.factor ?? 1,
      halfLifeMs: freshness === 'newestFirst' ? 0 : (faded?.halfLifeDays ?? Number.NaN) * DAY_MS,
      position: pin === undefined ? -1 : pin.position - 1,
      cap,
      require,
      bonus: rule.bonus,
      matcher: new ItemMatcher(rule.match),
      ids: rule.match.ids ?? [],
      ageMs: age && {
        atLeast: (age.atLeast ?? Number.NEGATIVE_INFINITY) * DAY_MS,
        atMost: (age.atMost ?? Number.POSITIVE_INFINITY) * DAY_MS,
      },
      overrides: rule.overrides.map((name) => indices.get(name) as number),
    };
  });
}
