import { z } from 'zod';
import { ExactIndex } from '../../../common/ann/exact.ts';
import { HnswIndex, hnswDefaults } from '../../../common/ann/hnsw.ts';
import type { VectorIndex } from '../../../common/ann/index-types.ts';
import { VectorTable } from '../../../common/ann/vectors.ts';
import { importedIndexPart, importedPart } from '../../../common/bundle/learnt-sources.ts';
import type { Bundle } from '../../../common/bundle/store.ts';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { decodeItemVectors, type ItemVectors, vectorAt } from '../../../common/models/item-vectors.ts';
import { recencyWeight } from '../../../common/models/recency.ts';
import { TopK } from '../../../common/top-k.ts';
import type { Hits } from '../hits.ts';
import type { Query } from '../query.ts';
import type { Source, SourceContext } from './source.ts';

/** An HNSW search grows dearer with its length: at most this many times the quota. */
const HNSW_STRETCH = 3;
const RECENCY = { halfLifeEvents: 5, floor: 0 };

const settingsSchema = z.object({ vectors: z.array(z.object({ attribute: z.string() })).default([]) });

/** The attributes whose vectors the bundle has, in the order of the configuration that it was trained by. */
export function importedSources(bundle: Bundle): string[] {
  const settings = settingsSchema.safeParse(bundle.manifest.settings.train ?? {});
  const names = settings.data?.vectors.map(({ attribute }) => attribute) ?? [];
  return names.filter((name) => bundle.has(importedPart(name)));
}

/**
 * Items by vectors that were computed elsewhere: nearest to the mean of the latest positives' vectors, an older one fading with its age,
 * or of the seeds'. In cosine space all count as of length 1. Items that changed after the bundle was built are compared one by one.
 */
export async function openImported(
  name: string,
  { bundle, catalogue, config }: SourceContext,
): Promise<Source> {
  const vectors = await bundle.decoded(importedPart(name), decodeItemVectors);
  const table = new VectorTable(vectors.vectors, vectors.dim, vectors.space);
  const { efSearch, efPerNeighbour, historyMax } = config.vectors;
  const index = bundle.has(importedIndexPart(name))
    ? await HnswIndex.load(bundle.path(importedIndexPart(name)), table, {
        ...hnswDefaults,
        efSearch,
        efPerNeighbour,
      })
    : await ExactIndex.create(table);
  return new ImportedSource(vectors, table, index, catalogue, bundle.manifest.catalogueEpoch, historyMax);
}

class ImportedSource implements Source {
  readonly #imported: ItemVectors;
  readonly #table: VectorTable;
  readonly #index: VectorIndex;
  readonly #catalogue: Catalogue;
  readonly #historyMax: number;
  /** Row of the table by ordinal. */
  readonly #rows = new Map<number, number>();
  /** Items that changed since, each with its vector as a table of one row; undefined: it has none. */
  readonly #changed = new Map<number, VectorTable | undefined>();
  readonly #stop: () => void;

  /** `epoch`: the catalogue's when the part was made. */
  constructor(
    imported: ItemVectors,
    table: VectorTable,
    index: VectorIndex,
    catalogue: Catalogue,
    epoch: number,
    historyMax: number,
  ) {
    this.#imported = imported;
    this.#table = table;
    this.#index = index;
    this.#catalogue = catalogue;
    this.#historyMax = historyMax;
    imported.ordinals.forEach((ordinal, row) => {
      this.#rows.set(ordinal, row);
    });
    for (const ordinal of catalogue.changedSince(epoch)) this.#follow(ordinal);
    this.#stop = catalogue.onChange((ordinal) => this.#follow(ordinal));
  }

  async retrieve(query: Query, quota: number, out: Hits): Promise<void> {
    const vector = this.#meanOf(query);
    if (vector === undefined) return;
    const wanted = quota + query.skipCount + this.#changed.size;
    const k = this.#index.kind === 'exact' ? wanted : Math.min(wanted, HNSW_STRETCH * quota);
    const { rows, scores, count } = await this.#index.search(vector, k);
    const top = new TopK();
    top.reset(quota);
    for (let i = 0; i < count; i++) {
      const item = this.#imported.ordinals[rows[i]];
      if (!this.#changed.has(item) && !query.skips(item)) top.offer(item, scores[i]);
    }
    const prepared = this.#table.prepare(vector);
    for (const [item, table] of this.#changed)
      if (table !== undefined && !query.skips(item)) top.offer(item, table.score(prepared, 0));
    const found = top.sort();
    for (let i = 0; i < found; i++) out.push(top.rows[i], top.scores[i]);
  }

  close(): void {
    this.#stop();
  }

  #follow(ordinal: number): void {
    const { attribute, dim, space } = this.#imported;
    const vector = vectorAt(this.#catalogue, ordinal, attribute, dim);
    this.#changed.set(ordinal, vector && new VectorTable(vector as Float32Array<ArrayBuffer>, dim, space));
  }

  /** Undefined where none of the items has a vector, or they come to nothing. */
  #meanOf(query: Query): Float32Array | undefined {
    const { dim } = this.#imported;
    const { items, weights } = query.latest(this.#historyMax);
    const mean = new Float32Array(dim);
    let sum = 0;
    for (let i = 0; i < items.length; i++) {
      const vector = this.#vectorOf(items[i]);
      if (vector === undefined) continue;
      const recency = query.seeded ? 1 : recencyWeight(items.length - 1 - i, RECENCY);
      const weight = recency * (weights?.[i] ?? 1);
      sum += weight;
      for (let d = 0; d < dim; d++) mean[d] += weight * vector[d];
    }
    if (!(sum > 0) || mean.every((value) => value === 0)) return undefined;
    return mean.map((value) => value / sum);
  }

  #vectorOf(item: number): Float32Array | undefined {
    if (this.#changed.has(item)) return this.#changed.get(item)?.values;
    const row = this.#rows.get(item);
    const { values, dim } = this.#table;
    return row === undefined ? undefined : values.subarray(row * dim, (row + 1) * dim);
  }
}
