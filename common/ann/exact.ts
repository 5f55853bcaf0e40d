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
 * graph and are not copied, so all indexes share one session and one costs nothing beside its table. Rows whose scores
 * differ by less than float32's rounding may change places at the k-th place only.
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

  private constructor(table: VectorTable, session: InferenceSession) {
    this.size = table.size;
    this.dim = table.dim;
    this.space = table.space;
    this.#table = table;
    this.#session = session;
    this.#vectors = new Tensor('float32', table.values, [table.size, table.dim]);
    // −‖q − x‖² = 2 (q·x − ‖x‖²/2) − ‖q‖²: the bias makes the product rank as the distance does.
    const bias = new Float32Array(table.size);
    if (table.space === 'l2')
      for (let row = 0; row < table.size; row++) bias[row] = -table.squaredNorm(row) / 2;
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
    top.reset(Math.min(k, scores.length));
    let floor = top.floor;
    for (let row = 0; row < scores.length; row++) {
      // Rows come ascending, so one that equals the floor loses the tie.
      if (scores[row] <= floor) continue;
      top.offer(row, scores[row]);
      floor = top.floor;
    }
    return rescore(this.#table, prepared, top.rows, top.count, out);
  }
}

const top = new TopK();
let shared: Promise<InferenceSession> | undefined;

function scoringModel(): Uint8Array {
  const graph = new Graph();
  const queries = graph.input('queries', ['B', 'D']);
  const vectors = graph.input('vectors', ['N', 'D']);
  const bias = graph.input('bias', ['N']);
  const scores = gemm(queries, vectors, { transB: true, bias });
  return toBytes(graph, { outputs: { scores }, parameters: 'inputs' });
}
