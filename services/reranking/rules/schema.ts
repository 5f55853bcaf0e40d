import { z } from 'zod';

/** What a rule's `when` may speak of. */
export const contextKeys = ['surface', 'locale', 'device', 'region', 'variant'] as const;

const RULES_MAX = 500;
const LIST_MAX = 10_000;
const FACTOR_MAX = 1000;

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

/** Exactly one effect. Factors multiply the score, see `RuleSet`; positions count from 1, the first shown. */
const effect = z
  .strictObject({
    boost: z.strictObject({ factor: z.number().gt(1).max(FACTOR_MAX) }).optional(),
    bury: z
      .strictObject({
        factor: z
          .number()
          .gt(0)
          .lt(1)
          .min(1 / FACTOR_MAX),
      })
      .optional(),
    pin: z.strictObject({ position: z.int().min(1).max(500) }).optional(),
    exclude: z.literal(true).optional(),
  })
  .refine((value) => Object.keys(value).length === 1, 'needs exactly one of boost, bury, pin, exclude');

/**
 * One business rule: `then` happens to the items that `match`, on requests where each key of `when` has one of its values
 * (without regard to case; a locale `en` stands for `en-GB` too). Without `when` always.
 */
const rule = z.strictObject({
  name: z.string().min(1).max(100),
  when: z.partialRecord(z.enum(contextKeys), words).default({}),
  match,
  // biome-ignore lint/suspicious/noThenProperty: an object, never a function, so awaiting a rule does not call it.
  then: effect,
});

/** The rules of the configuration, in the order in which they apply. Names are unique. */
export const rulesSchema = z
  .array(rule)
  .max(RULES_MAX)
  .superRefine((rules, context) => {
    for (const [i, { name }] of rules.entries()) {
      if (rules.findIndex((other) => other.name === name) === i) continue;
      context.addIssue({ code: 'custom', path: [i, 'name'], message: `"${name}" names an earlier rule too` });
    }
  });

export type Rule = z.output<typeof rule>;
export type ItemMatch = z.output<typeof match>;
