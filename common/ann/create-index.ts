import { ExactIndex } from './exact.ts';
import { HnswIndex, type HnswOptions, hnswDefaults } from './hnsw.ts';
import type { VectorIndex } from './index-types.ts';
import { type Space, VectorTable } from './vectors.ts';

export const EXACT_ROWS_MAX = 20_000;

export interface IndexOptions {
  /** `auto`: exact up to EXACT_ROWS_MAX rows. */
  readonly kind: 'auto' | 'exact' | 'hnsw';
  readonly hnsw: HnswOptions;
}

export const indexDefaults: IndexOptions = { kind: 'auto', hnsw: hnswDefaults };

/** An index over row-major `vectors`, which it keeps. Building `hnsw` blocks the thread for about a minute per 200,000 rows. */
export async function createIndex(
  vectors: Float32Array<ArrayBuffer>,
  dim: number,
  space: Space,
  options: IndexOptions = indexDefaults,
): Promise<VectorIndex> {
  const table = new VectorTable(vectors, dim, space);
  const exact = options.kind === 'exact' || (options.kind === 'auto' && table.size <= EXACT_ROWS_MAX);
  return exact ? ExactIndex.create(table) : HnswIndex.build(table, options.hnsw);
}
