import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { ACTION_BY_NAME } from '../../common/actions.ts';
import { learntSources } from '../../common/bundle/learnt-sources.ts';
import { DEFAULT_CHOICE } from '../../common/features/declarations.ts';
import { ialsDefaults } from '../../common/models/ials.ts';
import { itemToItemDefaults } from '../../common/models/item-to-item.ts';
import { privateCountsSchema } from '../../common/models/private-counts.ts';
import { RANKER_NAMES } from '../../common/models/ranker-names.ts';
import { recencySchema } from '../../common/models/recency.ts';
import { DISTANCES } from '../../common/stability/score-regularisation.ts';
import { isPositive } from '../../common/user-state.ts';
import type { Action } from '../../gen/millrace/type/v1/type.ts';
import { TRAINING_SOURCES } from './dataset/source-names.ts';

const DAY_MS = 24 * 3_600_000;

/** Second-stage networks that can serve as the ranker. */
export const SECOND_STAGE_RANKERS = ['widedeep', 'dcn'] as const;
export type SecondStage = (typeof SECOND_STAGE_RANKERS)[number];

/** Rankers that can be trained. */
export const RANKERS = [...RANKER_NAMES, ...SECOND_STAGE_RANKERS] as const;
export type Ranker = (typeof RANKERS)[number];

const positiveActions = [...ACTION_BY_NAME].filter(([, action]) => isPositive(action)).map(([name]) => name);

/**
 * Which positives are held out to measure by, of pairs of a user and an item at their latest event. `leave-one-out`: each user's
 * last one. `ratio`: the last share of each user's. `time`: all from an instant on (ISO 8601), or from the time on by which all
 * but that share of the pairs had happened.
 */
const splitSchema = z.union([
  z.literal('leave-one-out'),
  z.strictObject({ ratio: z.number().gt(0).lt(1) }),
  z.strictObject({ time: z.union([z.number().gt(0).lt(1), z.iso.datetime({ offset: true }), z.iso.date()]) }),
]);
export type SplitConfig = z.output<typeof splitSchema>;

/** The split that `splitName` writes; undefined where there is none such. */
export function splitNamed(text: string): SplitConfig | undefined {
  const [, kind, value] = /^(ratio|time):(.+)$/.exec(text) ?? [];
  const number = Number(value);
  const split = kind === undefined ? text : { [kind]: Number.isNaN(number) ? value : number };
  return splitSchema.safeParse(split).data;
}

/** As `leave-one-out`, `ratio:0.2`, `time:0.1` or `time:2024-05-01`. */
export function splitName(split: SplitConfig): string {
  return typeof split === 'string' ? split : Object.entries(split).flat().join(':');
}

const RESERVED_SOURCES: ReadonlySet<string> = new Set([
  ...learntSources,
  'bm25',
  'popularity',
  'fresh',
  'rrf',
  'cascade',
]);

export const trainSchema = z.strictObject({
  /** What is learnt from: the log itself, or the lake that it is rolled into. */
  source: z.enum(TRAINING_SOURCES).default('log'),
  seed: z.number().int().default(1),
  /** Threads that learning may use. */
  threads: z.number().int().min(1).max(64).default(Math.min(4, availableParallelism())),
  /** Candidate models to learn, each a source of the candidates service. */
  candidates: z.array(z.enum(learntSources)).default(['ials', 'item_to_item']),
  /** Attributes of items that hold vectors computed elsewhere, each a source of the candidates service under the attribute's name. */
  vectors: z
    .array(
      z.strictObject({
        attribute: z
          .string()
          .regex(/^[a-z][a-z0-9_]{0,63}$/, 'expected lower-case letters, digits and _, as audio')
          .refine((name) => !RESERVED_SOURCES.has(name), 'a source of this name exists'),
        /** Whether the lengths of vectors count. */
        space: z.enum(['cosine', 'ip']).default('cosine'),
      }),
    )
    .max(16)
    .refine(
      (vectors) => new Set(vectors.map(({ attribute }) => attribute)).size === vectors.length,
      'an attribute stands twice',
    )
    .default([]),
  /** Confidence of one event by its action, in learning item factors and popularity; 1 where absent. */
  actionWeights: z.partialRecord(z.enum(positiveActions), z.number().positive().max(1_000)).default({}),
  /** Ages the confidence of events, on top of `popularity.halfLifeDays`. Absent: all ages count alike. */
  decay: z
    .strictObject({
      /** An event so much older than the latest positive one counts half. */
      halfLifeDays: z.number().positive(),
    })
    .optional(),
  ials: z
    .strictObject({
      dim: z.number().int().min(1).max(512).default(ialsDefaults.dim),
      sweeps: z.number().int().min(1).max(200).default(ialsDefaults.sweeps),
      unobservedWeight: z.number().nonnegative().default(ialsDefaults.unobservedWeight),
      regularisation: z.number().nonnegative().default(ialsDefaults.regularisation),
      frequencyExponent: z.number().min(0).max(2).default(ialsDefaults.frequencyExponent),
      cgSteps: z.number().int().min(1).max(50).default(ialsDefaults.cgSteps),
      foldInSteps: z.number().int().min(1).max(100).default(ialsDefaults.foldInSteps),
      recency: recencySchema.default(ialsDefaults.recency),
      foldInRecency: recencySchema.default(ialsDefaults.foldInRecency),
    })
    .prefault({}),
  itemToItem: z
    .strictObject({
      neighbours: z.number().int().min(1).max(10_000).default(itemToItemDefaults.neighbours),
      shrinkage: z.number().nonnegative().default(itemToItemDefaults.shrinkage),
      distanceHalfLife: z.number().positive().default(itemToItemDefaults.distanceHalfLife),
      backwardWeight: z.number().min(0).max(1).default(itemToItemDefaults.backwardWeight),
      distanceMax: z.number().int().min(1).max(10_000).default(itemToItemDefaults.distanceMax),
      recency: recencySchema.default(itemToItemDefaults.recency),
    })
    .prefault({}),
  tuning: z
    .strictObject({
      /** Whether the recency of histories is chosen on validation, starting from the configured one. */
      enabled: z.boolean().default(true),
      /** Users that choose, at most. */
      usersMax: z.number().int().min(1).default(1_000),
    })
    .prefault({}),
  popularity: z
    .strictObject({
      /** Age at which an event counts half. Absent: all count alike. */
      halfLifeDays: z.number().positive().optional(),
    })
    .prefault({}),
  /** Popularity, the fallback list and item-to-item from private counts; see docs/rights.md. Absent: from exact ones. */
  privacy: privateCountsSchema.optional(),
  fallback: z
    .strictObject({
      /** Items of the vetted list. */
      length: z.number().int().min(1).max(10_000).default(500),
      /** Positive events that an item of the list has at least, where enough items have them. */
      positivesMin: z.number().int().nonnegative().default(3),
    })
    .prefault({}),
  ranker: z
    .strictObject({
      /** `auto`: logistic or neural, whichever ranks the validation moments better. */
      model: z.enum(['auto', ...RANKERS]).default('auto'),
      /** `replay`: what people took up against what retrieval would have answered; `impressions`: what was shown and what came of it. */
      examples: z.enum(['replay', 'impressions']).default('replay'),
      impressions: z
        .strictObject({
          /** Time after an impression in which feedback counts for it; younger impressions are set aside. */
          windowHours: z.number().positive().max(10_000).default(24),
          /** What makes an impression a positive: a click, or any positive action. */
          label: z.enum(['click', 'positive']).default('click'),
          /** `propensity`: by the click rates of shuffled slots; `tower`: by a logit a slot, learnt beside the ranker. */
          positionBias: z.enum(['none', 'propensity', 'tower']).default('tower'),
          /** Smaller propensities count as this, which bounds the weight of a click. */
          propensityMin: z.number().positive().max(1).default(0.05),
        })
        .prefault({}),
      /** Features by name, by family, `default` or `all`; `millrace features list` names them. */
      features: z
        .array(z.string().min(1))
        .min(1)
        .default([...DEFAULT_CHOICE]),
      /**
       * What encodings learn: `fit` from this run's training part; `champion`: taken from the champion where it has the same features, so
       * that its vectors in the log serve as examples and it can teach.
       */
      encoders: z.enum(['fit', 'champion']).default('fit'),
      /** Latest pairs of each user that examples are made of. */
      heldOut: z.number().int().min(2).max(100).default(5),
      /** Users that examples are made of, at most. */
      usersMax: z.number().int().min(1).default(10_000),
      /** Candidates retrieved for a moment. */
      candidates: z.number().int().min(1).max(10_000).default(500),
      /** Candidates not taken up that are learnt from for a moment, at most. */
      negatives: z.number().int().min(1).max(10_000).default(30),
      /** Moments, each a user's latest, that choose the model and its epoch, at most. */
      validationMax: z.number().int().min(1).default(1_000),
    })
    .prefault({}),
  /** The second stage: a network that scores the best rows of ranking again, for several tasks at once. */
  reranker: z
    .strictObject({
      /** `off`: none. A network serves only if it ranks the validation moments better than ranking does alone. */
      model: z.enum(['off', ...SECOND_STAGE_RANKERS]).default('dcn'),
      /** Rows of a request, best first by ranking, that it scores. */
      depth: z.number().int().min(10).max(1_000).default(100),
    })
    .prefault({}),
  /** Keeps a new ranker's scores near the champion's: L = L_task + lambda · D(student, teacher). */
  stability: z
    .strictObject({
      /** 0: the new ranker is free. */
      lambda: z.number().min(0).max(1_000).default(0),
      distance: z.enum(DISTANCES).default('cross-entropy'),
      /** How far the scores of a bundle may be from the champion's for it to be promoted. Absent bounds are none. */
      promotion: z
        .strictObject({
          /** Mean distance of the probabilities. */
          driftMax: z.number().nonnegative().optional(),
          /** Share of a list's best ten that differs. */
          churnMax: z.number().min(0).max(1).optional(),
          /** Latest logged requests that it is measured on, at most. */
          requestsMax: z.number().int().min(1).max(100_000).default(500),
        })
        .prefault({}),
    })
    .prefault({}),
  evaluation: z
    .strictObject({
      /** Users that are measured, at most. */
      usersMax: z.number().int().min(1).default(5_000),
      split: splitSchema.default('leave-one-out'),
    })
    .prefault({}),
});
export type TrainConfig = z.output<typeof trainSchema>;

/** The sources of a bundle whose rank and score its ranker sees. */
export function rankedSources({ candidates, vectors }: TrainConfig): string[] {
  return [...candidates, 'bm25', 'popularity', ...vectors.map(({ attribute }) => attribute)];
}

/** The confidence of an event by its action and by how much older it is than the latest positive one, milliseconds. */
export type WeightOf = (action: Action, ageMs: number) => number;

/** w(action) · 2^(−age / halfLife); without `decay` the action's weight alone. */
export function weightOfEvents({ actionWeights, decay }: TrainConfig): WeightOf {
  const weights = new Float32Array(256).fill(1);
  for (const [name, weight] of Object.entries(actionWeights))
    if (weight !== undefined) weights[ACTION_BY_NAME.get(name) as number] = weight;
  if (decay === undefined) return (action) => weights[action];
  const halfLifeMs = decay.halfLifeDays * DAY_MS;
  return (action, ageMs) => weights[action] * 2 ** (-ageMs / halfLifeMs);
}
