import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { z } from 'zod';
import { packArrays, unpackArrays } from '../arrays.ts';
import { openSession } from '../onnx/session.ts';

/** Input of a catalogue scorer's graph: int64 [U], rows of users. */
export const USERS_INPUT = 'users';
/** Its output: float32 [U, items]. */
export const SCORES_OUTPUT = 'scores';

const KIND = 'model.scores';
const metaSchema = z.object({ users: z.array(z.string()), itemCount: z.int().nonnegative() });

/** Ids of the users by row, and the graph that scores every item for a row. */
export interface CatalogueScores {
  readonly users: readonly string[];
  readonly itemCount: number;
  readonly onnx: Uint8Array;
}

export function encodeCatalogueScores({ users, itemCount, onnx }: CatalogueScores): Uint8Array {
  return packArrays(KIND, { users, itemCount }, { onnx });
}

/** BUNDLE_DAMAGED, naming what is wrong with the bytes. */
export function decodeCatalogueScores(bytes: Uint8Array): CatalogueScores {
  const part = unpackArrays(bytes, KIND);
  return { ...part.meta(metaSchema), onnx: part.array('onnx', 'u8') };
}

/** Scores every item for users that a model knows by id: work in proportion to the catalogue. */
export class CatalogueScorer {
  readonly itemCount: number;
  readonly #rows: ReadonlyMap<string, number>;
  readonly #session: InferenceSession;

  private constructor({ users, itemCount }: CatalogueScores, session: InferenceSession) {
    this.itemCount = itemCount;
    this.#rows = new Map(users.map((user, row) => [user, row]));
    this.#session = session;
  }

  static async open(scores: CatalogueScores): Promise<CatalogueScorer> {
    return new CatalogueScorer(scores, await openSession(scores.onnx));
  }

  /** One score an item, on the model's own scale; undefined for a user that the model does not know. */
  async scores(userId: string): Promise<Float32Array | undefined> {
    const row = this.#rows.get(userId);
    if (row === undefined) return undefined;
    const users = new Tensor('int64', BigInt64Array.of(BigInt(row)), [1]);
    const outputs = await this.#session.run({ [USERS_INPUT]: users });
    return outputs[SCORES_OUTPUT].data as Float32Array;
  }

  close(): Promise<void> {
    return this.#session.release();
  }
}
