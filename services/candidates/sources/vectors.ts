import { ExactIndex } from '../../../common/ann/exact.ts';
import { HnswIndex, hnswDefaults } from '../../../common/ann/hnsw.ts';
import type { VectorIndex } from '../../../common/ann/index-types.ts';
import { VectorTable } from '../../../common/ann/vectors.ts';
import { indexPart, type LearntSource, modelPart } from '../../../common/bundle/learnt-sources.ts';
import { decodeIals, type IalsModel, IalsUserSolver } from '../../../common/models/ials.ts';
import type { Hits } from '../hits.ts';
import type { Query } from '../query.ts';
import type { Source, SourceContext } from './source.ts';

/** An HNSW search grows dearer with its length: at most this many times the quota, or so many rows. */
const HNSW_STRETCH = 3;
const HNSW_ROWS_FREE = 200;

/**
 * Items by inner product of a model's item factors with the user's vector, which the training's own solver makes from the
 * latest positives; for seeds, with the mean of their factors. Through the bundle's HNSW index, exactly where it has none.
 */
export async function openVectors(
  name: LearntSource,
  { bundle, config }: SourceContext,
): Promise<Source | undefined> {
  if (!bundle.has(modelPart(name))) return undefined;
  const model = await bundle.decoded(modelPart(name), decodeIals);
  const table = new VectorTable(model.itemFactors as Float32Array<ArrayBuffer>, model.options.dim, 'ip');
  const index: VectorIndex = bundle.has(indexPart(name))
    ? await HnswIndex.load(bundle.path(indexPart(name)), table, {
        ...hnswDefaults,
        efSearch: config.vectors.efSearch,
        efPerNeighbour: config.vectors.efPerNeighbour,
      })
    : await ExactIndex.create(table);
  return new VectorSource(model, index, config.vectors.historyMax);
}

class VectorSource implements Source {
  readonly #model: IalsModel;
  readonly #index: VectorIndex;
  readonly #solver: IalsUserSolver;
  readonly #historyMax: number;

  constructor(model: IalsModel, index: VectorIndex, historyMax: number) {
    this.#model = model;
    this.#index = index;
    this.#solver = new IalsUserSolver(model);
    this.#historyMax = historyMax;
  }

  async retrieve(query: Query, quota: number, out: Hits): Promise<void> {
    const vector = new Float32Array(this.#model.options.dim);
    if (query.seeded) this.#mean(query.items, vector);
    else {
      const { items, weights } = query.latest(this.#historyMax);
      this.#solver.solve(items, weights, vector);
    }
    if (vector.every((value) => value === 0)) return;
    const wanted = quota + query.skipCount;
    const affordable = Math.max(HNSW_STRETCH * quota, HNSW_ROWS_FREE);
    const k = this.#index.kind === 'exact' ? wanted : Math.min(wanted, affordable);
    const { rows, scores, count } = await this.#index.search(vector, k);
    for (let i = 0; i < count && out.count < quota; i++)
      if (!query.skips(rows[i])) out.push(rows[i], scores[i]);
  }

  /** The mean of the items' factors; zero if the model knows none of them. */
  #mean(items: Uint32Array, vector: Float32Array): void {
    const { itemFactors, itemCount } = this.#model;
    const known = items.filter((item) => item < itemCount);
    for (const item of known) {
      const at = item * vector.length;
      for (let i = 0; i < vector.length; i++) vector[i] += itemFactors[at + i] / known.length;
    }
  }
}
