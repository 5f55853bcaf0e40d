import { z } from 'zod';
import { ROWS_MAX, SLATE_MAX } from './limits.ts';

const name = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'expected letters, digits, - and _, a letter first');
const share = z.number().gt(0).max(1);
const weight = z.number().min(0).max(1e6).default(0);

/** What each aim counts; those not named are 0. Only their ratios matter, as every aim is on a scale from 0 to 1. */
const weights = z
  .strictObject({
    relevance: weight,
    watchTime: weight,
    /** Against the alikeness of what is shown; see `selector`. */
    diversity: weight,
    novelty: weight,
    freshness: weight,
    providerFairness: weight,
    margin: weight,
  })
  .refine((all) => Object.values(all).some((one) => one > 0), 'all weights are 0');

/** At most `itemsMax` items of one value of a field (`categories` or an attribute) in every run of `window` positions; 0: in the slate. */
const cap = z.strictObject({
  field: z.string().min(1).max(100),
  itemsMax: z.int().min(1).max(SLATE_MAX),
  window: z.int().min(0).max(SLATE_MAX).default(0),
});

/** What a slate must keep to whatever the weights say. The earlier outranks the later. */
const constraint = z.union(
  [
    /** A share of the slate, rounded up, spread over it. */
    z.strictObject({ group: name, shareMin: share }),
    /** FA*IR: every beginning of the slate passes a test for `proportion` at `significance`. */
    z.strictObject({ group: name, proportion: z.number().gt(0).lt(1), significance: z.number().gt(0).lt(1) }),
    /** The share of the best possible sum of normalised relevance that may be lost. */
    z.strictObject({ relevanceLossMax: z.number().min(0).lt(1) }),
  ],
  { error: 'expected {group, shareMin}, {group, proportion, significance} or {relevanceLossMax}' },
);

/** What a policy may set; the first of policy, configuration, bundle and defaults that does decides. */
export const policyFields = {
  weights,
  /** How alikeness counts: by the nearest item shown (mmr), or by the volume that the items span (dpp). */
  selector: z.enum(['mmr', 'dpp']),
  /** Best candidates that the slate is chosen from; at least the slate's length is always looked at. */
  depth: z.int().min(1).max(ROWS_MAX),
  caps: z.array(cap).max(16),
  constraints: z.array(constraint).max(16),
  /** The set of the rule file that is in force beside the rules that are in none; empty: none. */
  ruleSet: z.string().max(100),
};

const policySchema = z.object({
  weights: policyFields.weights.prefault({ relevance: 0.9, diversity: 0.1 }),
  selector: policyFields.selector.default('mmr'),
  depth: policyFields.depth.default(100),
  caps: policyFields.caps.default([]),
  constraints: policyFields.constraints.default([]),
  ruleSet: policyFields.ruleSet.default(''),
});

/** How a slate is chosen, apart from what the rules say. */
export type PolicySettings = z.infer<typeof policySchema>;
export type ConstraintSettings = PolicySettings['constraints'][number];
export type ObjectiveWeights = PolicySettings['weights'];

/** Policies by name: each what it sets itself over what all have. */
export const policiesSchema = z.record(name, z.strictObject(policyFields).partial());

/** Named sets of items that constraints and floors speak of. */
export const groupsSchema = z.record(
  name,
  z.union(
    [
      /** Items that have been available for at most so many days. */
      z.strictObject({ ageDaysMax: z.number().gt(0) }),
      /** The long tail: all items but the fewest most popular ones that have this share of the interactions. */
      z.strictObject({ outsideHeadShare: z.number().gt(0).lt(1) }),
      /** Items of one of the values of a field. */
      z.strictObject({ field: z.string().min(1), values: z.array(z.string().min(1)).min(1).max(10_000) }),
    ],
    { error: 'expected {ageDaysMax}, {outsideHeadShare} or {field, values}' },
  ),
);
export type GroupSettings = z.infer<typeof groupsSchema>[string];

/** Shares of all slots that groups are to hold over time. */
export const floorsSchema = z.array(z.strictObject({ group: name, share })).max(16);

/** The policy of that name, `default` being what configuration sets for all. `layers`: the weaker first. */
export function policyOf(...layers: readonly object[]): PolicySettings {
  const set = layers.flatMap((layer) => Object.entries(layer).filter(([, value]) => value !== undefined));
  return policySchema.parse(Object.fromEntries(set));
}
