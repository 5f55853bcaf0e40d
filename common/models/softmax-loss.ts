import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { KernelPool } from '../kernels/kernel-pool.ts';
import { SparseProduct } from '../kernels/sparse-product.ts';
import { toBytes } from '../onnx/encode.ts';
import { Graph } from '../onnx/graph.ts';
import { gemm, matmul, mul, softmax, sub } from '../onnx/operators.ts';
import { openSession } from '../onnx/session.ts';
import type { Random } from '../random.ts';
import { bipartiteGraph } from './graph-convolution.ts';
import type { InteractionMatrix } from './interactions.ts';

/**
 * Softmax loss over the catalogue on cosines (Wu, Wang, Gao, Chen, Fu, Qiu, TOIS 2024). With unit vectors ŵ and ĥ, S_u a
 * user's items and temperature τ:
 *
 *   L = 1/users · Σ_u |S_u|^(ρ − 1) Σ_{i ∈ S_u} −ln softmax_i (ŵ_u · ĥ_i / τ)
 *
 * A catalogue of more than `itemsMax` is sampled anew at each step: its most popular half of `itemsMax` and a uniform sample
 * of the rest, whose scores are corrected by −ln of the chance to be sampled (Bengio & Senécal 2008).
 */
export interface SoftmaxOptions {
  /** τ. */
  readonly temperature: number;
  /** ρ: 1 counts interactions alike, 0 users. */
  readonly activityExponent: number;
  readonly itemsMax: number;
}

/** Scores that are computed at a time, at most. */
const CHUNK_SCORES = 1 << 22;

const NORM_MIN = 1e-12;

/** The loss's gradient on tables of a pool whose rows are the users, then the items. */
export class SoftmaxLoss implements AsyncDisposable {
  readonly #session: InferenceSession;
  readonly #matrix: InteractionMatrix;
  readonly #dim: number;
  /** Gives each node the weighted sum of its neighbours' vectors. */
  readonly #neighbours: SparseProduct;
  /** Σ of the weights of a user's items. */
  readonly #userWeights: Float32Array;
  readonly #items: ItemSample;
  /** Unit vectors, and those of the users of a step and all items; the norms that they had. */
  readonly #units: Float32Array;
  readonly #stepUnits: Float32Array;
  readonly #norms: Float32Array;

  private constructor(
    session: InferenceSession,
    pool: KernelPool,
    matrix: InteractionMatrix,
    dim: number,
    options: SoftmaxOptions,
    random: Random,
  ) {
    const nodes = matrix.rowCount + matrix.columnCount;
    this.#session = session;
    this.#matrix = matrix;
    this.#dim = dim;
    const { graph, userWeights } = lossWeights(matrix, options);
    this.#neighbours = new SparseProduct(pool, graph);
    this.#userWeights = userWeights;
    this.#items = new ItemSample(matrix, options.itemsMax, random);
    this.#units = new Float32Array(nodes * dim);
    this.#stepUnits = pool.f32(nodes * dim);
    this.#norms = new Float32Array(nodes);
  }

  /** `dim` is a multiple of 4; weights of the entries of `matrix` are not used. */
  static async open(
    pool: KernelPool,
    matrix: InteractionMatrix,
    dim: number,
    options: SoftmaxOptions,
    random: Random,
  ): Promise<SoftmaxLoss> {
    const session = await openSession(expectationGraph(dim, options.temperature), pool.threads);
    return new SoftmaxLoss(session, pool, matrix, dim, options, random);
  }

  /** Writes the gradient of the part of the loss that `users` have by `vectors`; both are tables of the pool. */
  async gradient(vectors: Float32Array, users: Uint32Array, gradient: Float32Array): Promise<void> {
    const [units, step, dim] = [this.#units, this.#stepUnits, this.#dim];
    const firstItem = this.#matrix.rowCount * dim;
    intoUnits(vectors, dim, units, this.#norms);
    if (users.length === this.#matrix.rowCount) step.set(units);
    else {
      step.fill(0, 0, firstItem);
      step.set(units.subarray(firstItem), firstItem);
      for (const user of users) {
        step.set(units.subarray(user * dim, (user + 1) * dim), user * dim);
      }
    }
    this.#neighbours.multiply(step, dim, gradient);
    if (users.length < this.#matrix.rowCount) keepRows(gradient, dim, users, firstItem);
    await this.#addExpectations(users, gradient, firstItem);
    throughUnits(gradient, units, this.#norms, dim);
  }

  /** The unit vectors that scores are inner products of. */
  units(vectors: Float32Array, units: Float32Array): void {
    intoUnits(vectors, this.#dim, units, this.#norms);
  }

  /** Adds what the softmax expects: the mean item vector to users, the weighted users to items. */
  async #addExpectations(users: Uint32Array, gradient: Float32Array, firstItem: number): Promise<void> {
    const [units, dim] = [this.#units, this.#dim];
    const { items, corrections } = this.#items.draw();
    const itemVectors = new Float32Array(items.length * dim);
    gatherRows(units, items, dim, firstItem, itemVectors);
    const fed = {
      items: new Tensor('float32', itemVectors, [items.length, dim]),
      corrections: new Tensor('float32', corrections, [1, items.length]),
    };
    const chunk = Math.max(1, Math.floor(CHUNK_SCORES / items.length));
    for (let start = 0; start < users.length; start += chunk) {
      const some = users.subarray(start, start + chunk);
      const userVectors = new Float32Array(some.length * dim);
      gatherRows(units, some, dim, 0, userVectors);
      const weights = Float32Array.from(some, (user) => this.#userWeights[user]);
      const { byUsers, byItems } = await this.#session.run({
        ...fed,
        users: new Tensor('float32', userVectors, [some.length, dim]),
        weights: new Tensor('float32', weights, [some.length, 1]),
      });
      addRows(byUsers.data as Float32Array, some, dim, 0, gradient);
      addRows(byItems.data as Float32Array, items, dim, firstItem, gradient);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/** With P = softmax(users · itemsᵀ / τ − corrections) in rows times `weights`: byUsers = P · items, byItems = Pᵀ · users. */
function expectationGraph(dim: number, temperature: number): Uint8Array {
  const graph = new Graph();
  const users = graph.input('users', ['N', dim]);
  const items = graph.input('items', ['M', dim]);
  const weights = graph.input('weights', ['N', 1]);
  const scores = gemm(mul(users, 1 / temperature), items, { transB: true });
  const chances = mul(softmax(sub(scores, graph.input('corrections', [1, 'M'])), 1), weights);
  const outputs = { byUsers: matmul(chances, items), byItems: gemm(chances, users, { transA: true }) };
  return toBytes(graph, { outputs, parameters: 'inputs' });
}

/** Minus the weight of each interaction over τ on the graph, and the sum of those of each user, positive. */
function lossWeights(matrix: InteractionMatrix, { temperature, activityExponent }: SoftmaxOptions) {
  const { rowCount, offsets } = matrix;
  const graph = bipartiteGraph(matrix);
  const degrees = Float64Array.from({ length: rowCount }, (_, user) =>
    Math.max(1, offsets[user + 1] - offsets[user]),
  );
  const each = degrees.map((degree) => degree ** (activityExponent - 1) / (temperature * rowCount));
  const userWeights = Float32Array.from(
    degrees,
    (_, user) => (offsets[user + 1] - offsets[user]) * each[user],
  );
  for (let node = 0; node < graph.rowCount; node++) {
    for (let e = graph.offsets[node]; e < graph.offsets[node + 1]; e++)
      graph.weights[e] = -each[node < rowCount ? node : graph.columns[e]];
  }
  return { graph, userWeights };
}

/** The items that a step compares with. */
class ItemSample {
  readonly #random: Random;
  /** The first `#headCount` are always taken; `#tailCount` of the rest are sampled. */
  readonly #order: Uint32Array;
  readonly #headCount: number;
  readonly #tailCount: number;
  /** The natural logarithm of each place's chance. */
  readonly #corrections: Float32Array;

  constructor({ columns, columnCount }: InteractionMatrix, itemsMax: number, random: Random) {
    this.#random = random;
    this.#order = Uint32Array.from({ length: columnCount }, (_, item) => item);
    const sampled = columnCount > itemsMax;
    this.#headCount = sampled ? Math.floor(itemsMax / 2) : columnCount;
    this.#tailCount = sampled ? itemsMax - this.#headCount : 0;
    if (sampled) {
      const counts = new Uint32Array(columnCount);
      for (const item of columns) counts[item]++;
      this.#order.sort((a, b) => counts[b] - counts[a] || a - b);
    }
    this.#corrections = new Float32Array(this.#headCount + this.#tailCount);
    if (sampled) {
      this.#corrections.fill(Math.log(this.#tailCount / (columnCount - this.#headCount)), this.#headCount);
    }
  }

  /** Valid until the next draw. */
  draw(): { items: Uint32Array; corrections: Float32Array } {
    const order = this.#order;
    const end = this.#headCount + this.#tailCount;
    for (let at = this.#headCount; at < end; at++) {
      const other = at + this.#random.int(order.length - at);
      const held = order[at];
      order[at] = order[other];
      order[other] = held;
    }
    return { items: order.subarray(0, end), corrections: this.#corrections };
  }
}

/** Rows of length 1, and the lengths that they had. */
function intoUnits(table: Float32Array, dim: number, units: Float32Array, norms: Float32Array): void {
  for (let row = 0, at = 0; row < norms.length; row++, at += dim) {
    let square = 0;
    for (let i = at; i < at + dim; i++) square += table[i] * table[i];
    norms[row] = Math.max(NORM_MIN, Math.sqrt(square));
    const scale = 1 / norms[row];
    for (let i = at; i < at + dim; i++) units[i] = scale * table[i];
  }
}

/** Turns the gradient by unit vectors into that by the vectors: (g − (g · ŵ) ŵ) / ‖w‖, in place. */
function throughUnits(gradient: Float32Array, units: Float32Array, norms: Float32Array, dim: number): void {
  for (let row = 0, at = 0; row < norms.length; row++, at += dim) {
    let along = 0;
    for (let i = at; i < at + dim; i++) along += gradient[i] * units[i];
    const scale = 1 / norms[row];
    for (let i = at; i < at + dim; i++) gradient[i] = scale * (gradient[i] - along * units[i]);
  }
}

/** Zeros the rows before element `end` but those of `rows`. */
function keepRows(table: Float32Array, dim: number, rows: Uint32Array, end: number): void {
  const kept = new Uint8Array(end / dim);
  for (const row of rows) kept[row] = 1;
  for (let row = 0; row < kept.length; row++) if (kept[row] === 0) table.fill(0, row * dim, (row + 1) * dim);
}

/** `to` = the rows of `table` from element `first` on. */
function gatherRows(
  table: Float32Array,
  rows: Uint32Array,
  dim: number,
  first: number,
  to: Float32Array,
): void {
  for (let r = 0, at = 0; r < rows.length; r++) {
    const from = first + rows[r] * dim;
    for (let i = 0; i < dim; i++, at++) to[at] = table[from + i];
  }
}

/** Adds `values` to the rows of `table` from element `first` on. */
function addRows(
  values: Float32Array,
  rows: Uint32Array,
  dim: number,
  first: number,
  table: Float32Array,
): void {
  for (let r = 0, at = 0; r < rows.length; r++) {
    const to = first + rows[r] * dim;
    for (let i = 0; i < dim; i++, at++) table[to + i] += values[at];
  }
}
