import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { toBytes } from '../onnx/encode.ts';
import { Graph } from '../onnx/graph.ts';
import { gemm } from '../onnx/operators.ts';
import { openSession } from '../onnx/session.ts';
import { TopK } from '../top-k.ts';
import type { Neighbours, VectorIndex } from './index-types.ts';
import { rescore } from './rescore.ts';
import type { VectorTable } from './vectors.ts';

/**
 * Exhaustive search: one matrix product by ONNX Runtime on one thread, then selection. The vectors are an input of the
 * graph and are not copied, so all indexes share one session and one costs nothing beside its table. Every row that the
 * product's rounding may have kept from the first k is scored again in double precision, so that the answer is that of the
 * table's own scores.
 */
export class ExactIndex implements VectorIndex {
  readonly kind = 'exact';
  readonly size: number;
  readonly dim: number;
  readonly space: VectorTable['space'];
  readonly #table: VectorTable;
  readonly #session: InferenceSession;
  readonly #vectors: Tensor;
  readonly #bias: Tensor;
  readonly #normMax: number;

  private constructor(table: VectorTable, session: InferenceSession) {
    this.size = table.size;
    this.dim = table.dim;
    this.space = table.space;
    this.#table = table;
    this.#session = session;
    this.#vectors = new Tensor('float32', table.values, [table.size, table.dim]);
    // −‖q − x‖² = 2 (q·x − ‖x‖²/2) − ‖q‖²: the bias makes the product rank as the distance does.
    const bias = new Float32Array(table.size);
    let squaredNormMax = 0;
    for (let row = 0; row < table.size; row++) {
      const squared = table.squaredNorm(row);
      squaredNormMax = Math.max(squaredNormMax, squared);
      if (table.space === 'l2') bias[row] = -squared / 2;
    }
    this.#normMax = Math.sqrt(squaredNormMax);
    this.#bias = new Tensor('float32', bias, [table.size]);
  }

  static async create(table: VectorTable): Promise<ExactIndex> {
    shared ??= openSession(scoringModel());
    return new ExactIndex(table, await shared);
  }

  async search(query: Float32Array, k: number, out?: Neighbours): Promise<Neighbours> {
    const prepared = this.#table.prepare(query);
    const scores = await this.#scores(prepared, 1);
    return this.#select(prepared, scores, k, out);
  }

  /** `queries`: row-major, a multiple of `dim` long. One product for all, which takes 4 bytes a query and row. Three times as
   * fast as one by one where the table exceeds the processor's caches (100,000 × 64); no faster where it fits. */
  async searchBatch(queries: Float32Array, k: number): Promise<Neighbours[]> {
    const count = Math.ceil(queries.length / this.dim);
    const prepared = new Float32Array(count * this.dim);
    for (let i = 0; i < count; i++) {
      prepared.set(this.#table.prepare(queries.subarray(i * this.dim, (i + 1) * this.dim)), i * this.dim);
    }
    const scores = await this.#scores(prepared, count);
    return Array.from({ length: count }, (_, i) =>
      this.#select(
        prepared.subarray(i * this.dim, (i + 1) * this.dim),
        scores.subarray(i * this.size, (i + 1) * this.size),
        k,
      ),
    );
  }

  async #scores(prepared: Float32Array, count: number): Promise<Float32Array> {
    if (count === 0 || this.size === 0) return new Float32Array(0);
    const queries = new Tensor('float32', prepared, [count, this.dim]);
    const { scores } = await this.#session.run({ queries, vectors: this.#vectors, bias: this.#bias });
    return scores.data as Float32Array;
  }

  #select(prepared: Float32Array, scores: Float32Array, k: number, out?: Neighbours): Neighbours {
    const limit = Math.min(k, scores.length);
    const slack = 2 * this.#errorMax(prepared);
    if (near.length < scores.length) near = new Uint32Array(scores.length);
    top.reset(limit);
    let least = top.floor - slack;
    let reached = 0;
    for (let row = 0; row < scores.length; row++) {
      const score = scores[row];
      // Not `>=`: what has overflowed to NaN is scored again too.
      if (score < least) continue;
      near[reached++] = row;
      if (!Number.isNaN(score)) top.offer(row, score);
      least = top.floor - slack;
    }
    let count = 0;
    for (let i = 0; i < reached; i++) if (!(scores[near[i]] < least)) near[count++] = near[i];
    return rescore(this.#table, prepared, near.subarray(0, count), limit, out);
  }

  /** By how much a score of the product may be wrong (Higham 2002, section 3.1), the rounding of the bias included. */
  #errorMax(prepared: Float32Array): number {
    let squared = 0;
    for (let i = 0; i < prepared.length; i++) squared += prepared[i] * prepared[i];
    const terms = Math.sqrt(squared) * this.#normMax + (this.space === 'l2' ? this.#normMax ** 2 / 2 : 0);
    return (this.dim + 2) * FLOAT32_ROUNDING * terms;
  }
}

const FLOAT32_ROUNDING = 2 ** -24;
const top = new TopK();
/** Rows of one selection. */
let near = new Uint32Array(0);
let shared: Promise<InferenceSession> | undefined;

function scoringModel(): Uint8Array {
  const graph = new Graph();
  const queries = graph.input('queries', ['B', 'D']);
  const vectors = graph.input('vectors', ['N', 'D']);
  const bias = graph.input('bias', ['N']);
  const scores = gemm(queries, vectors, { transB: true, bias });
  return toBytes(graph, { outputs: { scores }, parameters: 'inputs' });
}
