import { join } from 'node:path';
import { z } from 'zod';
import type { ConfigSource } from '../config.ts';

const MIB = 1024 * 1024;

const s3Schema = z.strictObject({
  bucket: z.string().min(1),
  /** Before every key, as `millrace/prod`. */
  prefix: z
    .string()
    .regex(/^([^/].*[^/])?$/, 'expected no / at the ends')
    .default(''),
  /** Default: that of the environment. */
  region: z.string().optional(),
  /** Of a server that is not Amazon's. */
  endpoint: z.url().optional(),
  /** Whether the bucket is named in the path, as servers other than Amazon's want it. Default: with an endpoint. */
  forcePathStyle: z.boolean().optional(),
  /** Default: the SDK's chain (environment, profile, instance). */
  credentials: z
    .strictObject({
      accessKeyId: z.string(),
      secretAccessKey: z.string(),
      sessionToken: z.string().optional(),
    })
    .optional(),
});

const lakeSchema = z.strictObject({
  /** Folder of a local lake; of one on S3, the folder for drafts and for objects fetched. Default: `$MILLRACE_HOME/lake`. */
  folder: z.string().min(1).optional(),
  /** Where the files are, if not in `folder`. */
  s3: s3Schema.optional(),
  /** Memory that DuckDB may take before it spills to the disk, MB. */
  memoryMb: z.number().int().min(64).default(1_024),
  /** Limits of one commit: whichever is reached first. */
  commit: z
    .strictObject({
      /** Events. */
      eventsMax: z.number().int().positive().default(500_000),
      /** Bytes of encoded events. */
      bytesMax: z
        .number()
        .int()
        .positive()
        .default(128 * MIB),
      /** Milliseconds since the first event that is not committed came. */
      ageMsMax: z.number().int().positive().default(300_000),
    })
    .prefault({}),
});

export type S3Config = z.output<typeof s3Schema>;

/** The section `lake`. */
export type LakeConfig = z.output<typeof lakeSchema> & { readonly folder: string };

/** The section `lake` of a configuration. */
export function lakeConfig(source: ConfigSource): LakeConfig {
  const config = source.section('lake', lakeSchema);
  return { ...config, folder: config.folder ?? join(source.home, 'lake') };
}
