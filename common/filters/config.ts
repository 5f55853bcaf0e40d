import { z } from 'zod';
import { bloomEngines } from '../bloom/filter.ts';

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

/** The section `filtering`: the same for the filtering stage, the orchestrator's last look and the features service. */
export const filteringSchema = z.strictObject({
  /** Implementation of the Bloom filters: `typed` is some thousand times faster, `bloom-filters` is the npm package. */
  engine: z.enum(bloomEngines).default('typed'),
  /** Of the Bloom filter in front of the blocked items; it costs looks into the exact set, never an item. */
  blockedFalsePositiveRate: z.number().gt(0).lt(1).default(0.01),
  attributes: attributesSchema.prefault({}),
});
export type FilteringConfig = z.output<typeof filteringSchema>;
