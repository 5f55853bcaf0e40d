import { z } from 'zod';
import { localPrivacySchema } from '../../common/privacy/local-field.ts';

const share = (value: number) => z.number().positive().max(1).default(value);

/** The stages that the orchestrator calls, in the order of the cascade. */
export const STAGES = ['features', 'candidates', 'filtering', 'ranking', 'reranking'] as const;
export type StageName = (typeof STAGES)[number];

const variantSchema = z.strictObject({
  name: z.string().min(1).max(64),
  /** Share of users, in (0, 1]. */
  share: z.number().positive().max(1),
  /** `champion`, `previous`, `challenger` or a version. */
  bundle: z.string().min(1),
});

export const orchestratorSchema = z.strictObject({
  /** Time for a request whose caller sets no deadline, and the most that one may take, milliseconds. */
  deadlineMs: z.number().positive().default(500),
  /** Kept back for the last look and the answer, milliseconds. */
  reserveMs: z.number().nonnegative().default(5),
  /** Relative shares of the deadline; a stage also gets what earlier ones left. */
  shares: z
    .strictObject({
      features: share(0.15),
      candidates: share(0.3),
      filtering: share(0.1),
      ranking: share(0.25),
      reranking: share(0.2),
    })
    .prefault({}),
  limitDefault: z.number().int().min(1).max(500).default(20),
  limitMax: z.number().int().min(1).max(500).default(500),
  /** Candidates to retrieve per request at full quality. */
  candidates: z.number().int().min(1).max(10_000).default(500),
  /** Least share of the usual work that load shedding leaves to a stage. */
  qualityMin: z.number().positive().max(1).default(0.1),
  /** Stages that get the encoded user state. Absent: those that declare to need it, and those that declare nothing. */
  sendUserState: z.array(z.enum(STAGES)).optional(),
  /** Stages that get external item ids beside ordinals. */
  sendItemIds: z.array(z.enum(STAGES)).default([]),
  /** Users whose last known state is kept for when the features service is away. */
  recentUsersMax: z.number().int().positive().default(20_000),
  recentUsersBytesMax: z
    .number()
    .int()
    .positive()
    .default(128 * 1024 * 1024),
  /** Decision records that wait for the log in memory before they go to the spool. */
  recordQueueMax: z.number().int().positive().default(10_000),
  /** Candidates not shown that a decision record samples. */
  recordSample: z.number().int().nonnegative().default(10),
  /** Share of decisions whose records hold what the ranker's model was fed; which ones follows from the request id. */
  recordFeatures: z.number().min(0).max(1).default(1),
  /** A field of feedback that is randomised before anything is stored. Absent: none. */
  localPrivacy: localPrivacySchema.optional(),
  /** Signs tokens; at least 16 bytes. Absent: a random key kept in MILLRACE_HOME/orchestrator/token.key. */
  tokenKey: z.string().min(16).optional(),
  /** How often live.json is looked at, milliseconds. */
  bundlePollMs: z.number().positive().default(250),
  experiment: z
    .strictObject({ salt: z.string().min(1), variants: z.array(variantSchema).max(20) })
    .refine(
      ({ variants }) => variants.reduce((sum, variant) => sum + variant.share, 0) <= 1 + 1e-9,
      'shares add up to more than 1',
    )
    .optional(),
});
export type OrchestratorConfig = z.infer<typeof orchestratorSchema>;
