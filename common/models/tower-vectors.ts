import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { toBytes } from '../onnx/encode.ts';
import type { Feeds } from '../onnx/gradient-step.ts';
import { openSession } from '../onnx/session.ts';
import type { VectorModel } from './candidate-model.ts';
import type { InteractionMatrix } from './interactions.ts';
import { type Sides, type Tower, type TowerFeatures, VECTOR_OUTPUT } from './tower.ts';
import { vectorModel } from './vector-model.ts';

/** Embedded history values at a time, at most. */
const CHUNK_VALUES = 1 << 22;

/** The vectors of all users and items by the towers' parameters. */
export class TowerVectors implements AsyncDisposable {
  readonly #towers: Sides<Tower>;
  readonly #matrix: InteractionMatrix;
  readonly #features: Partial<Sides<TowerFeatures>>;
  readonly #sessions: Sides<InferenceSession>;
  readonly #parameters: Feeds;
  readonly #model: VectorModel;

  private constructor(
    towers: Sides<Tower>,
    matrix: InteractionMatrix,
    dim: number,
    features: Partial<Sides<TowerFeatures>>,
    sessions: Sides<InferenceSession>,
  ) {
    this.#towers = towers;
    this.#matrix = matrix;
    this.#features = features;
    this.#sessions = sessions;
    this.#parameters = Object.fromEntries(
      towers.user.vector.graph.parameters.map(({ name, data, shape }) => [
        name,
        new Tensor('float32', data, shape as number[]),
      ]),
    );
    this.#model = vectorModel(
      dim,
      new Float32Array(matrix.rowCount * dim),
      new Float32Array(matrix.columnCount * dim),
    );
  }

  static async open(
    towers: Sides<Tower>,
    matrix: InteractionMatrix,
    dim: number,
    threads: number,
    features: Partial<Sides<TowerFeatures>>,
  ): Promise<TowerVectors> {
    const open = ({ vector }: Tower) =>
      openSession(
        toBytes(vector.graph, { outputs: { [VECTOR_OUTPUT]: vector }, parameters: 'inputs' }),
        threads,
      );
    const sessions = { user: await open(towers.user), item: await open(towers.item) };
    return new TowerVectors(towers, matrix, dim, features, sessions);
  }

  /** One model, whose factors each call overwrites. */
  async refresh(): Promise<VectorModel> {
    const { rowCount, columnCount, offsets } = this.#matrix;
    const { user, item } = this.#towers;
    const longest = (start: number, end: number) => {
      let length = 1;
      for (let row = start; row < end; row++) length = Math.max(length, offsets[row + 1] - offsets[row]);
      return length;
    };
    const length = user.inputs.history ? longest(0, rowCount) : 1;
    await this.#fill(this.#sessions.user, rowCount, length, this.#model.userFactors, (start, end) => ({
      ...this.#ids(user, start, end, (row) => (offsets[row] === offsets[row + 1] ? rowCount : row)),
      ...this.#histories(user, start, end, longest(start, end)),
      ...rowsOf(user, this.#features.user, start, end),
    }));
    await this.#fill(this.#sessions.item, columnCount, 1, this.#model.itemFactors, (start, end) => ({
      ...this.#ids(item, start, end, (row) => row),
      ...rowsOf(item, this.#features.item, start, end),
    }));
    return this.#model;
  }

  async #fill(
    session: InferenceSession,
    rows: number,
    length: number,
    factors: Float32Array,
    feeds: (start: number, end: number) => Feeds,
  ): Promise<void> {
    const { dim } = this.#model;
    const chunk = Math.max(1, Math.min(4096, Math.floor(CHUNK_VALUES / (length * dim))));
    for (let start = 0; start < rows; start += chunk) {
      const end = Math.min(rows, start + chunk);
      const { [VECTOR_OUTPUT]: vectors } = await session.run({ ...this.#parameters, ...feeds(start, end) });
      factors.set(vectors.data as Float32Array, start * dim);
    }
  }

  #ids({ inputs: { id } }: Tower, start: number, end: number, of: (row: number) => number): Feeds {
    if (id === undefined) return {};
    const ids = BigInt64Array.from({ length: end - start }, (_, i) => BigInt(of(start + i)));
    return { [id.name]: new Tensor('int64', ids, [ids.length]) };
  }

  #histories({ inputs: { history, mask } }: Tower, start: number, end: number, length: number): Feeds {
    if (history === undefined || mask === undefined) return {};
    const { offsets, columns } = this.#matrix;
    const ids = new BigInt64Array((end - start) * length);
    const present = new Float32Array(ids.length);
    for (let row = start; row < end; row++) {
      for (let at = offsets[row], to = (row - start) * length; at < offsets[row + 1]; at++, to++) {
        ids[to] = BigInt(columns[at]);
        present[to] = 1;
      }
    }
    return {
      [history.name]: new Tensor('int64', ids, [end - start, length]),
      [mask.name]: new Tensor('float32', present, [end - start, length]),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sessions.user.release();
    await this.#sessions.item.release();
  }
}

function rowsOf(tower: Tower, side: TowerFeatures | undefined, start: number, end: number): Feeds {
  if (side === undefined || tower.inputs.features === undefined) return {};
  const width = side.encoding.columns.length;
  const values = side.values.subarray(start * width, end * width);
  return { [tower.inputs.features.name]: new Tensor('float32', values, [end - start, width]) };
}
