import { z } from 'zod';
import type { Action } from '../../gen/millrace/type/v1/type.ts';
import { ACTION_BY_NAME } from '../actions.ts';
import { bloomEngines } from '../bloom/filter.ts';
import { seenSecondsOf } from '../users/seen-rules.ts';

const names = (...defaults: string[]) => z.array(z.string().min(1)).min(1).max(10).default(defaults);

/** Attributes that filters read, the first one that is set. */
const attributesSchema = z.strictObject({
  /** Of items: the least age of a viewer, years. */
  minimumAge: names('minimum_age'),
  /** Of items: segments of which the viewer has to be in one. */
  segments: names('segments'),
  /** Of items: who made it, a word or a list. */
  creator: names('creator'),
  /** Of users: years. */
  userAge: names('age'),
  /** Of users: the segments that they are in. */
  userSegments: names('segments'),
  /** Of users: creators of whom they want nothing. */
  blockedCreators: names('blocked_creators'),
});

const actionNames = [...ACTION_BY_NAME.keys()] as [string, ...string[]];
/** Impressions never make an item seen, and a preference is none for an item. */
const interactions = actionNames.filter((name) => name !== 'impression' && name !== 'prefer');

const seenSchema = z.strictObject({
  actions: z.array(z.enum(actionNames)).min(1),
  /** Days after the latest such action for which the item is seen. Absent: for ever. */
  days: z.number().positive().max(36_500).optional(),
});

const fatigueSchema = z.strictObject({
  /** Impressions without the item being taken up, from which on it is not shown. */
  shown: z.number().int().min(1).max(1_000),
  /** That long ago an impression still counts. */
  days: z.number().positive().max(3_650),
});
export type FatigueRule = z.output<typeof fatigueSchema>;

/** The section `filtering`: the same for the filtering stage, the orchestrator's last look and the features service. */
export const filteringSchema = z.strictObject({
  /** Implementation of the Bloom filters: `typed` is some thousand times faster, `bloom-filters` is the npm package. */
  engine: z.enum(bloomEngines).default('typed'),
  /** Of the Bloom filter in front of the blocked items; it costs looks into the exact set, never an item. */
  blockedFalsePositiveRate: z.number().gt(0).lt(1).default(0.01),
  /** What makes an item seen; of several rules that hold the longest counts, and an action in none makes nothing seen. */
  seen: z
    .array(seenSchema)
    .default([{ actions: interactions }])
    .transform((rules) =>
      seenSecondsOf(
        rules.map(({ actions, days }) => ({
          actions: actions.map((name) => ACTION_BY_NAME.get(name) as Action),
          days,
        })),
      ),
    ),
  /** Absent: nobody tires of an item. */
  fatigue: fatigueSchema.optional(),
  attributes: attributesSchema.prefault({}),
});
export type FilteringConfig = z.output<typeof filteringSchema>;
