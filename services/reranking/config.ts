import { z } from 'zod';
import { rulesSchema } from './rules/schema.ts';

/** Rows that one request may have. */
export const ROWS_MAX = 10_000;
/** Length that a slate may have. */
export const SLATE_MAX = 500;

const tunable = {
  /** Weight of relevance against redundancy in MMR, 0 to 1; 1: the ranking's order. */
  lambda: z.number().min(0).max(1),
  /** Best candidates that the slate is chosen from; at least the slate's length is always looked at. */
  depth: z.number().int().min(1).max(ROWS_MAX),
  /**
   * Each: at most `itemsMax` items of one value of a field (`categories` or an attribute, as `creator`) in every run of `window`
   * positions; window 0: in the whole slate.
   */
  caps: z
    .array(
      z.strictObject({
        field: z.string().min(1).max(100),
        itemsMax: z.number().int().min(1).max(SLATE_MAX),
        window: z.number().int().min(0).max(SLATE_MAX).default(0),
      }),
    )
    .max(16),
};

/** What configuration may set; what it leaves open the bundle's settings decide, then the defaults. */
export const rerankingSchema = z.strictObject({
  lambda: tunable.lambda.optional(),
  depth: tunable.depth.optional(),
  caps: tunable.caps.optional(),
  rules: rulesSchema.default([]),
});
export type RerankingConfig = z.infer<typeof rerankingSchema>;

const policySchema = z.object({
  lambda: tunable.lambda.default(0.9),
  depth: tunable.depth.default(100),
  caps: tunable.caps.default([]),
});

/** How a slate is chosen, apart from the rules. */
export type Policy = z.infer<typeof policySchema>;

/** The configuration over the bundle's settings over the defaults. */
export function policyOf(config: RerankingConfig, bundleSettings: Record<string, unknown>): Policy {
  const { rules: _, ...configured } = config;
  const set = Object.fromEntries(Object.entries(configured).filter(([, value]) => value !== undefined));
  return policySchema.parse({ ...bundleSettings, ...set });
}
