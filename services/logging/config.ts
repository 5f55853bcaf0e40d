import { z } from 'zod';

/** Events of one Append. */
export const EVENTS_MAX = 10_000;
/** Events of one batch of a subscription, if the subscriber says nothing. */
export const BATCH_DEFAULT = 1_000;

export const loggingSchema = z.strictObject({
  /** Size at which a new segment file is begun, bytes. */
  segmentBytesMax: z
    .number()
    .int()
    .min(4096)
    .default(64 * 1024 * 1024),
  /** The latest events whose ids are remembered, so that a retry counts once. */
  dedupEvents: z.number().int().positive().default(1_000_000),
  /** The latest decisions that GetDecision finds. */
  decisionsMax: z.number().int().positive().default(1_000_000),
});
