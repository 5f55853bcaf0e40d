import { join } from 'node:path';
import { z } from 'zod';
import type { ConfigSource } from '../config.ts';
import { MillraceError } from '../errors.ts';

const MIB = 1024 * 1024;

const credentialsSchema = z.strictObject({
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
  sessionToken: z.string().optional(),
});

/** Of one of Amazon's services. */
const serviceFields = {
  /** Default: that of the environment. */
  region: z.string().optional(),
  /** Of a server that is not Amazon's. */
  endpoint: z.url().optional(),
  /** Default: the SDK's chain (environment, profile, instance). */
  credentials: credentialsSchema.optional(),
};

const athenaSchema = z.strictObject({
  ...serviceFields,
  database: z.string().min(1).default('millrace'),
  workGroup: z.string().min(1).default('primary'),
  /** Where Athena puts answers, as `s3://bucket/prefix/`. Default: the work group's. */
  resultLocation: z.string().startsWith('s3://').optional(),
});

const s3Schema = z.strictObject({
  ...serviceFields,
  bucket: z.string().min(1),
  /** Before every key, as `millrace/prod`. */
  prefix: z
    .string()
    .regex(/^([^/](.*[^/])?)?$/, 'expected no / at the ends')
    .default(''),
  /** Whether the bucket is named in the path, as servers other than Amazon's want it. Default: with an endpoint. */
  forcePathStyle: z.boolean().optional(),
});

const lakeSchema = z.strictObject({
  /** Whether the logging service takes the log in as it grows. */
  enabled: z.boolean().default(true),
  /** Folder of a local lake; of one on S3, the folder for drafts and for objects fetched. Default: `$MILLRACE_HOME/lake`. */
  folder: z.string().min(1).optional(),
  /** Where the files are, if not in `folder`. */
  s3: s3Schema.optional(),
  /** What runs queries; Athena needs `s3`. */
  engine: z.enum(['duckdb', 'athena']).default('duckdb'),
  athena: athenaSchema.prefault({}),
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
  /** What people did and were shown is dropped when it is older; the catalogue and attributes of users stay. Absent: all is kept. */
  retention: z
    .strictObject({
      /** Days; whole days by UTC. */
      ageDaysMax: z.number().positive().optional(),
    })
    .prefault({}),
});

export type AthenaConfig = z.output<typeof athenaSchema>;
export type S3Config = z.output<typeof s3Schema>;

/** The section `lake`. */
export type LakeConfig = z.output<typeof lakeSchema> & { readonly folder: string };

/** The section `lake` of a configuration. CONFIG_INVALID names the field at fault. */
export function lakeConfig(source: ConfigSource): LakeConfig {
  const config = source.section('lake', lakeSchema);
  if (config.engine === 'athena' && config.s3 === undefined)
    throw new MillraceError('CONFIG_INVALID', 'configuration: lake.engine: athena needs lake.s3');
  return { ...config, folder: config.folder ?? join(source.home, 'lake') };
}

/** What the SDK's clients take of a service's settings. */
export function clientSettings({
  region,
  endpoint,
  credentials,
}: Pick<S3Config, 'region' | 'endpoint' | 'credentials'>) {
  const { sessionToken, ...keys } = credentials ?? {};
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: {
            ...(keys as { accessKeyId: string; secretAccessKey: string }),
            ...(sessionToken === undefined ? {} : { sessionToken }),
          },
        }),
  };
}
