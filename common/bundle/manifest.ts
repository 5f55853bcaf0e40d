import { z } from 'zod';
import type { ImportedPart, LearntPart } from './learnt-sources.ts';

/** Parts that a bundle may have beside those of its learnt sources. Each is one file, named by the sha256 of its bytes. */
export const Part = {
  /** The catalogue at `catalogueEpoch`: ids, items, blocks (common/catalogue). */
  catalogue: 'catalogue',
  /** BM25 postings over item text (common/text). */
  bm25: 'bm25',
  /** Items by popularity (common/models/popularity.ts). */
  popularity: 'popularity',
  /** Item counters at `logOffset`, for ranking before the live ones arrive. */
  counters: 'counters',
  /** Vetted popular items, u32 little-endian ordinals, best first: the last resort. */
  fallback: 'fallback',
  /** The first-stage ranker, ONNX, with the feature-schema hash in its metadata. */
  ranker: 'ranker',
  /** The second-stage model, ONNX, of the same features; absent where ranking alone is as good. */
  secondStage: 'second-stage',
  /** What the encodings of the ranker's features learnt (common/features/encoder-part.ts); absent where none learns. */
  encoders: 'encoders',
} as const;
export type Part = (typeof Part)[keyof typeof Part] | LearntPart | `${LearntPart}-index` | ImportedPart;

const partSchema = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().nonnegative(),
});

export const manifestSchema = z.object({
  format: z.literal(1),
  /** Unique name; sorts by time of making. */
  version: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
  createdMs: z.number(),
  /** The bundle that this one was made to replace; empty: none. */
  parent: z.string(),
  /** The bundle trained alike but without the held-out events, on which `metrics` were measured; empty: none. */
  holdout: z.string(),
  /** The hash of the schema of the ranker's features. */
  featureSchemaHash: z.string(),
  /** Identifies the numbering of items; ordinals of different lineages must not be mixed. */
  lineage: z.string(),
  catalogueEpoch: z.number().int().nonnegative(),
  /** Events before this log offset were learnt from. */
  logOffset: z.number().int().nonnegative(),
  /** By model (`popularity`, `ials`, ..., `cascade`), then by metric. */
  metrics: z.record(z.string(), z.record(z.string(), z.number())),
  /** Per stage, what its own configuration leaves open. */
  settings: z.record(z.string(), z.record(z.string(), z.unknown())),
  parts: z.record(z.string(), partSchema),
});
export type Manifest = z.infer<typeof manifestSchema>;
