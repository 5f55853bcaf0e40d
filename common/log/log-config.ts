import { z } from 'zod';

/** Where the stream of a NATS log is, and how it is made if it is not there. */
export const natsSchema = z.strictObject({
  servers: z.array(z.string()).min(1).default(['127.0.0.1:4222']),
  /** The stream's name; its subjects are `<stream>.events.<partition>`. */
  stream: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 of A-Z a-z 0-9 _ -')
    .default('millrace'),
  /** Of a stream that is made; a user's events stay in one. */
  partitions: z.number().int().min(1).max(256).default(8),
  /** Of a stream that is made: how many servers of a cluster hold it. */
  replicas: z.number().int().min(1).max(5).default(1),
  user: z.string().optional(),
  password: z.string().optional(),
  token: z.string().optional(),
  /** How long an append may take to be acknowledged; beyond it it is refused. */
  appendTimeoutMs: z.number().int().positive().default(1_500),
  /** Of a stream that is made: how long the server itself knows event ids, seconds. */
  dedupWindowS: z.number().int().positive().default(120),
});
export type NatsConfig = z.infer<typeof natsSchema>;

export const loggingSchema = z.strictObject({
  /** Where the log is: segments under `$MILLRACE_HOME/log`, or a JetStream stream. */
  engine: z.enum(['local', 'nats']).default('local'),
  nats: natsSchema.prefault({}),
  /** Local: size at which a new segment file is begun, bytes. */
  segmentBytesMax: z
    .number()
    .int()
    .min(4096)
    .default(64 * 1024 * 1024),
  /** The oldest records beyond a limit are deleted, once every consumer that commits its offset has them. Absent: kept. */
  retention: z
    .strictObject({
      bytesMax: z.number().int().positive().optional(),
      ageDaysMax: z.number().positive().optional(),
      /** How often the log looks. */
      checkSeconds: z.number().positive().default(60),
    })
    .prefault({}),
  /** The latest events whose ids are remembered, so that a retry counts once. */
  dedupEvents: z.number().int().positive().default(1_000_000),
  /** The latest decisions that GetDecision finds. */
  decisionsMax: z.number().int().positive().default(1_000_000),
});
