import { z } from 'zod';
import { explorationSchema } from './bandits/config.ts';
import {
  floorsSchema,
  groupsSchema,
  type PolicySettings,
  policiesSchema,
  policyFields,
  policyOf,
} from './policy-schema.ts';

/** The policy that configuration's own fields make. */
const DEFAULT_POLICY = 'default';

/** What configuration may set. Of a policy's fields, what it leaves open the bundle's settings decide, then the defaults. */
const fieldsSchema = z.strictObject({
  ...z.object(policyFields).partial().shape,
  /** The policy in force: `default`, or one of `policies`. */
  policy: z.string().default(DEFAULT_POLICY),
  policies: policiesSchema.default({}),
  /** A file with more `policies`, absolute or from MILLRACE_HOME on. Absent: `policies.yaml` there, if it exists. */
  policiesFile: z.string().min(1).optional(),
  groups: groupsSchema.default({}),
  floors: floorsSchema.default([]),
  /** The share of a slate that floors may claim, of slots that are not theirs anyway; at least one slot. */
  floorBudget: z.number().gt(0).max(1).default(0.1),
  /** Slots after which an exposure counts half, in floors, provider fairness and metrics. */
  exposureHalfLife: z.number().gt(0).max(1e9).default(100_000),
  /** Age at which an item is half as fresh. */
  freshnessHalfLifeDays: z.number().gt(0).max(1e5).default(14),
  /** The attribute that names an item's provider, and the one with its margin. */
  providerAttribute: z.string().min(1).default('provider'),
  marginAttribute: z.string().min(1).default('margin'),
  /** Whether the second-stage model of a bundle that has one is used. */
  secondStage: z.boolean().default(true),
  /** Share of requests, by their id, that the second stage's teacher scores too, to measure its drift. */
  driftShare: z.number().min(0).max(1).default(0.01),
  /** The rule file, absolute or from MILLRACE_HOME on. Absent: `rules.yaml` there, if it exists. */
  rulesFile: z.string().min(1).optional(),
  exploration: explorationSchema.prefault({}),
});

/** The section `reranking`; what it says of a policy replaces what `policies`, which come from elsewhere, say. */
export function rerankingSchemaWith(policies: z.output<typeof policiesSchema>) {
  return fieldsSchema
    .transform((config) => ({ ...config, policies: { ...policies, ...config.policies } }))
    .superRefine(checkNames);
}

/** The section without policies from elsewhere. */
export const rerankingSchema = rerankingSchemaWith({});
export type RerankingConfig = z.output<typeof rerankingSchema>;

/** Every name that the configuration refers to must be that of something. */
function checkNames(config: z.output<typeof fieldsSchema>, context: z.RefinementCtx): void {
  const fail = (path: (string | number)[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  const names = [DEFAULT_POLICY, ...Object.keys(config.policies)];
  if (!names.includes(config.policy)) fail(['policy'], `"${config.policy}" is none of ${names.join(', ')}`);
  const checkGroups = (entries: readonly object[], path: string[]): void => {
    for (const [i, entry] of entries.entries()) {
      if (!('group' in entry) || Object.hasOwn(config.groups, entry.group as string)) continue;
      const known = Object.keys(config.groups).join(', ') || 'none';
      fail([...path, i, 'group'], `"${entry.group}" is no group; reranking.groups has ${known}`);
    }
  };
  checkGroups(config.floors, ['floors']);
  const { slots, slates } = config.exploration;
  checkGroups(slots?.pool.groups.map((group) => ({ group })) ?? [], [
    'exploration',
    'slots',
    'pool',
    'groups',
  ]);
  for (const [i, { policy }] of slates?.arms.entries() ?? [])
    if (!names.includes(policy))
      fail(['exploration', 'slates', 'arms', i, 'policy'], `"${policy}" is none of ${names.join(', ')}`);
  checkGroups(config.constraints ?? [], ['constraints']);
  for (const [policy, { constraints }] of Object.entries(config.policies))
    checkGroups(constraints ?? [], ['policies', policy, 'constraints']);
  const claimed = config.floors.reduce((sum, floor) => sum + floor.share, 0);
  if (claimed > 1) fail(['floors'], `shares sum to ${claimed}, more than 1`);
}

/** All policies by name, `default` among them. */
export function policiesOf(
  config: RerankingConfig,
  bundleSettings: Record<string, unknown>,
): Map<string, PolicySettings> {
  const own = Object.fromEntries(
    Object.keys(policyFields).map((field) => [field, config[field as keyof RerankingConfig]]),
  );
  const policies = new Map([[DEFAULT_POLICY, policyOf(bundleSettings, own)]]);
  for (const [name, policy] of Object.entries(config.policies))
    policies.set(name, policyOf(bundleSettings, own, policy));
  return policies;
}
