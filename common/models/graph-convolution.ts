import type { KernelPool } from '../kernels/kernel-pool.ts';
import { SparseProduct } from '../kernels/sparse-product.ts';
import type { InteractionMatrix } from './interactions.ts';
import { transpose } from './interactions.ts';

/**
 * Light graph convolution (He, Deng, Wang, Li, Zhang, Wang, SIGIR 2020) over the bipartite graph of users and items, with
 * the weights of LightGCN++ (Lee, Kim, Shin, RecSys 2024). A layer sums the neighbours' vectors of the layer before:
 *
 *   e_n^(k) = Σ_m |N(n)|^−α |N(m)|^−β e_m^(k−1),      out = γ e^(0) + (1 − γ) mean of e^(1) … e^(layers)
 *
 * α = β = ½ and γ = 1 / (layers + 1) are LightGCN. The norms of LightGCN++ are left out, so that all of it is linear.
 */
export interface ConvolutionOptions {
  /** 0: the embeddings are the vectors, as in matrix factorisation. */
  readonly layers: number;
  /** α. */
  readonly ownExponent: number;
  /** β. */
  readonly neighbourExponent: number;
  /** γ. */
  readonly selfWeight: number;
}

/** Rows of tables: the users, then the items. */
export class GraphConvolution {
  readonly #dim: number;
  /** Of layers 0, 1, … in the output. */
  readonly #weights: readonly number[];
  readonly #adjacency: SparseProduct;
  readonly #transposed: SparseProduct;
  readonly #scratch: readonly [Float32Array, Float32Array];

  /** Weights of the entries of `matrix` are not used; `dim` is a multiple of 4. */
  constructor(pool: KernelPool, matrix: InteractionMatrix, dim: number, options: ConvolutionOptions) {
    const { layers, ownExponent, neighbourExponent, selfWeight } = options;
    this.#dim = dim;
    this.#weights = Array.from({ length: layers + 1 }, (_, layer) => {
      if (layers === 0) return 1;
      return layer === 0 ? selfWeight : (1 - selfWeight) / layers;
    });
    const graph = bipartiteGraph(matrix);
    const size = layers === 0 ? 0 : graph.rowCount * dim;
    this.#scratch = [pool.f32(size), pool.f32(size)];
    const product = (own: number, neighbour: number) =>
      new SparseProduct(pool, layers === 0 ? emptyGraph : degreeWeighted(graph, own, neighbour));
    this.#adjacency = product(ownExponent, neighbourExponent);
    this.#transposed =
      ownExponent === neighbourExponent ? this.#adjacency : product(neighbourExponent, ownExponent);
  }

  /** The vectors of embeddings. Both are tables of the pool. */
  forward(embeddings: Float32Array, vectors: Float32Array): void {
    this.#propagate(this.#adjacency, embeddings, vectors);
  }

  /** The gradient by the embeddings from the gradient by the vectors. Both are tables of the pool. */
  backward(byVectors: Float32Array, byEmbeddings: Float32Array): void {
    this.#propagate(this.#transposed, byVectors, byEmbeddings);
  }

  #propagate(product: SparseProduct, from: Float32Array, to: Float32Array): void {
    let [next, spare] = this.#scratch;
    let current = from;
    for (let i = 0; i < to.length; i++) to[i] = this.#weights[0] * from[i];
    for (let layer = 1; layer < this.#weights.length; layer++) {
      product.multiply(current, this.#dim, next);
      const weight = this.#weights[layer];
      for (let i = 0; i < to.length; i++) to[i] += weight * next[i];
      [current, next, spare] = [next, spare, next];
    }
  }
}

/** A weighted graph as the rows of its adjacency matrix. */
interface WeightedGraph {
  readonly rowCount: number;
  readonly offsets: Uint32Array;
  readonly columns: Uint32Array;
  readonly weights: Float32Array;
}

const emptyGraph: WeightedGraph = {
  rowCount: 0,
  offsets: new Uint32Array(1),
  columns: new Uint32Array(0),
  weights: new Float32Array(0),
};

/** Users, then items, each joined to those of the other kind that it occurs with; weights are 1. */
export function bipartiteGraph(matrix: InteractionMatrix): WeightedGraph {
  const { rowCount: users, columnCount: items, columns } = matrix;
  const byItem = transpose(matrix);
  const entries = columns.length;
  const offsets = new Uint32Array(users + items + 1);
  offsets.set(matrix.offsets);
  for (let item = 0; item < items; item++) offsets[users + item + 1] = entries + byItem.offsets[item + 1];
  const neighbours = new Uint32Array(2 * entries);
  for (let i = 0; i < entries; i++) neighbours[i] = users + columns[i];
  neighbours.set(byItem.columns, entries);
  return {
    rowCount: users + items,
    offsets,
    columns: neighbours,
    weights: new Float32Array(2 * entries).fill(1),
  };
}

/** The weight of m for n is |N(n)|^−own |N(m)|^−neighbour. */
function degreeWeighted(graph: WeightedGraph, own: number, neighbour: number): WeightedGraph {
  const { rowCount, offsets, columns } = graph;
  const power = (exponent: number) =>
    Float64Array.from(
      { length: rowCount },
      (_, node) => Math.max(1, offsets[node + 1] - offsets[node]) ** -exponent,
    );
  const [ownPower, neighbourPower] = [power(own), power(neighbour)];
  const weights = new Float32Array(columns.length);
  for (let node = 0; node < rowCount; node++) {
    for (let e = offsets[node]; e < offsets[node + 1]; e++)
      weights[e] = ownPower[node] * neighbourPower[columns[e]];
  }
  return { ...graph, weights };
}
