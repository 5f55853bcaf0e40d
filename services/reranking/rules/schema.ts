import { z } from 'zod';
import { SLATE_MAX } from '../limits.ts';

/** What a rule's `when` may speak of. */
export const contextKeys = ['surface', 'locale', 'device', 'region', 'variant'] as const;

const RULES_MAX = 500;
const LIST_MAX = 10_000;
const FACTOR_MAX = 1000;
const PRIORITY_MAX = 1000;

const word = z.string().min(1);
const words = z
  .union([word, z.array(word).min(1).max(LIST_MAX)], { error: 'expected a text or a list of texts' })
  .transform((value) => (typeof value === 'string' ? [value] : value));

const range = z
  .strictObject({ atLeast: z.number().optional(), atMost: z.number().optional() })
  .refine(({ atLeast, atMost }) => atLeast !== undefined || atMost !== undefined, 'needs atLeast or atMost')
  .refine(({ atLeast, atMost }) => (atLeast ?? -Infinity) <= (atMost ?? Infinity), 'atLeast exceeds atMost');

const scalar = z.union([word, z.number()]);
const condition = z.union(
  [scalar.transform((value) => [value]), z.array(scalar).min(1).max(LIST_MAX), range],
  { error: 'expected a text or number, a list of them, or {atLeast, atMost}' },
);

/** Conditions on an item, all of which must hold; in a list one value suffices. */
const match = z
  .strictObject({
    ids: words.optional(),
    categories: words.optional(),
    /** By name: values that it equals or has among its words, or the closed range of a number. */
    attributes: z.record(z.string(), condition).optional(),
    /** Days since the start of the item's availability, a closed range; an item without a start never matches. */
    ageDays: range.optional(),
  })
  .refine((value) => Object.keys(value).length > 0, 'needs a condition');

const effects = {
  boost: z.strictObject({ factor: z.number().gt(1).max(FACTOR_MAX) }),
  bury: z.strictObject({
    factor: z
      .number()
      .gt(0)
      .lt(1)
      .min(1 / FACTOR_MAX),
  }),
  /** Counts from 1, the first shown. */
  pin: z.strictObject({ position: z.int().min(1).max(SLATE_MAX) }),
  exclude: z.literal(true),
  /**
   * At most `itemsMax` of the matching items that share a value of `field` (`categories` or an attribute, as `creator`; without
   * it: of all matching ones) in every run of `window` positions; window 0: in the whole slate.
   */
  cap: z.strictObject({
    itemsMax: z.int().min(1).max(SLATE_MAX),
    field: z.string().min(1).max(100).optional(),
    window: z.int().min(0).max(SLATE_MAX).default(0),
  }),
  /** At least `itemsMin` matching items within the first `within` positions. */
  require: z
    .strictObject({ itemsMin: z.int().min(1).max(SLATE_MAX), within: z.int().min(1).max(SLATE_MAX) })
    .refine(({ itemsMin, within }) => itemsMin <= within, {
      error: ({ input }) => {
        const { itemsMin, within } = input as { itemsMin: number; within: number };
        return `${itemsMin} items do not fit into the first ${within}`;
      },
    }),
  /**
   * `newestFirst`: the matching items keep their scores between them, dealt out by the start of availability. Else a boost of
   * 1 + (factor − 1) · 2^(−age / half-life). Items without a start are left alone.
   */
  freshness: z.union(
    [
      z.literal('newestFirst'),
      z.strictObject({
        halfLifeDays: z.number().gt(0).max(100_000),
        factor: z.number().gt(1).max(FACTOR_MAX).default(2),
      }),
    ],
    { error: 'expected newestFirst, or {halfLifeDays, factor} with halfLifeDays above 0 and factor above 1' },
  ),
};

export type RuleEffect = keyof typeof effects;
const effectNames = Object.keys(effects) as RuleEffect[];

/** Exactly one effect. Factors multiply the score, see `RuleSet`. */
const effect = z
  .strictObject(effects)
  .partial()
  .refine((value) => Object.keys(value).length === 1, `needs exactly one of ${effectNames.join(', ')}`);

/** Effects that concern all items where `match` is left out. */
const MATCHES_ALL: readonly RuleEffect[] = ['cap', 'freshness'];

/**
 * One business rule: `then` happens to the items that `match`, on requests where each key of `when` has one of its values
 * (without regard to case; a locale `en` stands for `en-GB` too). Without `when` always.
 */
export const ruleSchema = z
  .strictObject({
    name: z.string().min(1).max(100),
    /** Of two rules that cannot both have their way the higher one does; equal ones in the order of the file. */
    priority: z.int().min(-PRIORITY_MAX).max(PRIORITY_MAX).default(0),
    when: z.partialRecord(z.enum(contextKeys), words).default({}),
    match: match.optional(),
    // biome-ignore lint/suspicious/noThenProperty: an object, never a function, so awaiting a rule does not call it.
    then: effect,
    /** Rules that do nothing to an item that this one matches too, on requests to which both apply. */
    overrides: words.default([]),
    /** Added to the reward that bandits learn from when an item that the rule matches is shown. */
    bonus: z.number().min(-1).max(1).default(0),
  })
  .refine(({ match, then }) => match !== undefined || MATCHES_ALL.includes(effectOf(then)), {
    path: ['match'],
    error: 'is missing; only cap and freshness may concern all items',
  })
  .transform((value) => ({ ...value, match: value.match ?? {} }));

/** A rule file but for its rules, which are checked one by one so that all their faults are told. */
export const ruleFileSchema = z.strictObject({
  rules: z.array(z.unknown()).max(RULES_MAX),
  /** By name: rules that are in force only where the set is. A rule in no set always is. */
  sets: z.record(z.string().min(1).max(100), z.array(word)).default({}),
});

/** The one effect of a rule. */
export function effectOf(then: z.output<typeof effect>): RuleEffect {
  return Object.keys(then)[0] as RuleEffect;
}

export type Rule = z.output<typeof ruleSchema>;
export type ItemMatch = Rule['match'];
