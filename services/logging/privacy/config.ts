import { z } from 'zod';
import type { PrivacyTarget } from '../../../common/privacy/mechanisms.ts';

const budgetSchema = z.strictObject({
  /** What all answers about one month may tell an analyst of any one user. */
  epsilon: z.number().positive().max(100).default(1),
  /** The probability with which they may tell more. */
  delta: z.number().min(0).max(0.01).default(1e-6),
});

/** Budgets of analysts: the section `privacy`. */
export const privacySchema = budgetSchema.extend({
  /** Other budgets by analyst. */
  analysts: z.record(z.string(), budgetSchema).default({}),
});
export type PrivacyConfig = z.output<typeof privacySchema>;

/** What the analyst is granted in every data window. */
export function grantOf({ epsilon, delta, analysts }: PrivacyConfig, analyst: string): PrivacyTarget {
  return Object.hasOwn(analysts, analyst) ? analysts[analyst] : { epsilon, delta };
}
