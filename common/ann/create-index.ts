import { ExactIndex } from './exact.ts';
import { HnswIndex, type HnswOptions, hnswDefaults } from './hnsw.ts';
import type { VectorIndex } from './index-types.ts';
import { type Space, VectorTable } from './vectors.ts';

/**
 * Up to this many rows exact search is no slower than HNSW at equal worth (k = 200, 64 dimensions, one thread). Measured on
 * 200 Gaussian clusters with a spectrum falling as j^−½ and log-normal norms (σ = .3), medians: 20,000 rows, exact 0.40 ms,
 * HNSW at recall .977 0.63 ms; 30,000 rows, 0.39 and 0.94 (.968); 50,000 rows, 1.12 and 1.17 (.972). On 100 tight clusters
 * of nearly equal norms, the easiest case, HNSW at .99 wins from about 20,000 rows (0.47 and 0.36 ms; 50,000: 0.89 and
 * 0.38; 100,000: 2.2 and 0.43), but there a millisecond is all that exact search costs up to this bound.
 */
export const EXACT_ROWS_MAX = 50_000;

export interface IndexOptions {
  /** `auto`: exact up to EXACT_ROWS_MAX rows. */
  readonly kind: 'auto' | 'exact' | 'hnsw';
  readonly hnsw: HnswOptions;
}

export const indexDefaults: IndexOptions = { kind: 'auto', hnsw: hnswDefaults };

/**
 * An index over row-major `vectors`, which it keeps. Building HNSW blocks the thread: 25 s for 100,000 × 64; `onProgress` hears
 * how many rows are in.
 */
export async function createIndex(
  vectors: Float32Array<ArrayBuffer>,
  dim: number,
  space: Space,
  options: IndexOptions = indexDefaults,
  onProgress?: (rows: number) => void,
): Promise<VectorIndex> {
  const table = new VectorTable(vectors, dim, space);
  const exact = options.kind === 'exact' || (options.kind === 'auto' && table.size <= EXACT_ROWS_MAX);
  return exact ? ExactIndex.create(table) : HnswIndex.build(table, options.hnsw, onProgress);
}
