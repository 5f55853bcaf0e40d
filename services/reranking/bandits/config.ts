import { z } from 'zod';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { SLATE_MAX } from '../limits.ts';
import { SLATE_ARMS_MAX } from './slate-contexts.ts';
import { BANDITS } from './table.ts';

/** Slots that may be left to exploration. */
const SLOTS_MAX = 3;

const POOL_MAX = 200;

const name = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'expected letters, digits, - and _, a letter first');
const halfLife = z.union([z.number().gt(0), z.literal(Number.POSITIVE_INFINITY)]);

const shared = {
  bandit: z.enum(BANDITS),
  /** The least probability of every eligible arm, which bounds importance weights. */
  minimumProbability: z.number().gt(0).lt(1),
  /** Outcomes after which one counts half; `.inf`: all count alike. */
  halfLife: halfLife.default(20_000),
  /** Of epsilon-greedy, UCB1 and LinUCB: the share of choices that is spread evenly over the arms. */
  epsilon: z.number().min(0).max(1).default(0.1),
  /** Of the ensemble: the half-lives of its members. */
  members: z.array(halfLife).min(2).max(8).default([500, 5_000, Number.POSITIVE_INFINITY]),
};

const slots = z
  .strictObject({
    ...shared,
    bandit: shared.bandit.default('linear-thompson'),
    minimumProbability: shared.minimumProbability.default(0.01),
    /** Positions that are drawn, 1 the first. */
    positions: z
      .array(z.int().min(1).max(SLATE_MAX))
      .min(1)
      .max(SLOTS_MAX)
      .refine((all) => all.every((position, i) => i === 0 || position > all[i - 1]), 'must rise')
      .default([5, 10, 15]),
    /** What is drawn from: the best `rows` candidates that would not be shown by rank alone, of one of the groups if some are named. */
    pool: z
      .strictObject({
        rows: z.int().min(2).max(POOL_MAX).default(20),
        groups: z.array(name).max(16).default([]),
      })
      .prefault({}),
  })
  .refine(
    ({ minimumProbability, pool }) => minimumProbability * pool.rows <= 1,
    'minimumProbability times pool.rows exceeds 1',
  );

const slates = z
  .strictObject({
    ...shared,
    bandit: shared.bandit.default('thompson-gaussian'),
    minimumProbability: shared.minimumProbability.default(0.02),
    arms: z
      .array(
        z.strictObject({
          /** One of `reranking.policies`, with its rule set, or `default`. */
          policy: name,
          /** Added to the arm's value when it is weighed; never to its reward. */
          bonus: z.number().min(-1).max(1).default(0),
        }),
      )
      .min(2)
      .max(SLATE_ARMS_MAX)
      .refine(
        (arms) => new Set(arms.map(({ policy }) => policy)).size === arms.length,
        'a policy stands twice',
      ),
  })
  .refine(
    ({ minimumProbability, arms }) => minimumProbability * arms.length <= 1,
    'minimumProbability times the number of arms exceeds 1',
  );

/** The actions that rewards may be given to, as `click`. */
const ACTIONS: Readonly<Record<string, Action>> = Object.fromEntries(
  Object.entries(Action)
    .filter(
      ([key, value]) =>
        typeof value === 'number' && value > Action.ACTION_IMPRESSION && key.startsWith('ACTION_'),
    )
    .map(([key, value]) => [key.slice('ACTION_'.length).toLowerCase(), value as Action]),
);

const reward = z
  .record(z.string(), z.number().min(-1).max(1))
  .superRefine((rewards, context) => {
    for (const action of Object.keys(rewards))
      if (ACTIONS[action] === undefined)
        context.addIssue({
          code: 'custom',
          path: [action],
          message: `is no action; expected one of ${Object.keys(ACTIONS).join(', ')}`,
        });
  })
  .transform(
    (rewards) => new Map(Object.entries(rewards).map(([action, value]) => [ACTIONS[action], value])),
  );

/** Exploration: off where neither slots nor slates are set. */
export const explorationSchema = z.strictObject({
  /** Slots that a bandit fills. */
  slots: slots.optional(),
  /** Whole-slate policies, each with its rule set, that a bandit chooses among. */
  slates: slates.optional(),
  /**
   * What actions on a shown item are worth. An item's reward is the sum over its different actions, cut to [0, 1]; a slate's the
   * sum over its items, cut to [0, 1].
   */
  reward: reward.prefault({ click: 1, purchase: 1, watch: 1, like: 1, hide: -1 }),
  /** How long after a decision its rewards are waited for, by the time of later decisions. */
  rewardWindowMinutes: z
    .number()
    .gt(0)
    .max(60 * 24 * 30)
    .default(30),
  /** Whether this process may learn. Of all that may and share `$MILLRACE_HOME` one does. */
  learn: z.boolean().default(true),
  /** How often what was learnt is saved and published. */
  publishSeconds: z.number().gt(0).max(3600).default(5),
});
export type ExplorationConfig = z.infer<typeof explorationSchema>;
export type SlotsConfig = z.infer<typeof slots>;
export type SlatesConfig = z.infer<typeof slates>;

export const noExploration: ExplorationConfig = explorationSchema.parse({});
