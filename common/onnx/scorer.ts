import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { openSession } from './session.ts';

/** A scoring model's one input: float32 [N, width], row-major, NaN = missing. */
export const FEATURES_INPUT = 'features';

/** The output that every scoring model has: float32 [N]. Others, one a task of a multi-task model, are alike. */
export const SCORE_OUTPUT = 'score';

/** The metadata key under which a model names the feature schema that it was trained on. */
export const FEATURE_SCHEMA_KEY = 'feature_schema_hash';

/** The metadata that names the schema; none without. */
export function schemaMetadata(featureSchemaHash: string | undefined): Readonly<Record<string, string>> {
  return featureSchemaHash === undefined ? {} : { [FEATURE_SCHEMA_KEY]: featureSchemaHash };
}

/** What the caller will feed; a model that differs is refused. */
export interface ScorerExpectation {
  /** Columns of the feature matrix. */
  readonly width?: number;
  readonly featureSchemaHash?: string;
}

/** An opened scoring model: a matrix of features in, one score a row out. */
export class Scorer {
  readonly width: number;
  /** The model's `metadata_props`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Names of all outputs, the score among them. */
  readonly outputs: readonly string[];
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession, width: number, metadata: ReadonlyMap<string, string>) {
    this.#session = session;
    this.width = width;
    this.metadata = metadata;
    this.outputs = session.outputNames;
  }

  /** Throws where `model` is no scoring model, or not one for what is `expected`. */
  static async open(model: Uint8Array, expected: ScorerExpectation = {}): Promise<Scorer> {
    const metadata = readMetadata(model);
    const schema = metadata.get(FEATURE_SCHEMA_KEY);
    if (expected.featureSchemaHash !== undefined && schema !== expected.featureSchemaHash) {
      throw new Error(
        `the model was trained on feature schema ${schema ?? '(none named)'}, not ${expected.featureSchemaHash}`,
      );
    }
    const session = await openSession(model);
    try {
      return new Scorer(session, checkedWidth(session, expected.width), metadata);
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  /**
   * Scores rows of `width` features each; `features` may be empty. It is read in place during the call, so it must not
   * change before the promise settles. Equal calls give equal bits; a row's last bits may depend on how many rows are
   * scored with it.
   */
  async run(features: Float32Array): Promise<Float32Array> {
    return (await this.#run(features, [SCORE_OUTPUT]))[SCORE_OUTPUT];
  }

  /** As `run`, with every output by name. */
  runAll(features: Float32Array): Promise<Record<string, Float32Array>> {
    return this.#run(features, this.outputs);
  }

  async #run(features: Float32Array, wanted: readonly string[]): Promise<Record<string, Float32Array>> {
    const rows = features.length / this.width;
    if (!Number.isInteger(rows)) {
      throw new Error(`${features.length} features do not make rows of ${this.width}`);
    }
    if (rows === 0) return Object.fromEntries(wanted.map((name) => [name, new Float32Array(0)]));
    const tensor = new Tensor('float32', features, [rows, this.width]);
    const outputs = await this.#session.run({ [FEATURES_INPUT]: tensor }, wanted);
    return Object.fromEntries(wanted.map((name) => [name, outputs[name].data as Float32Array]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/** A model's `metadata_props`. Throws where `model` is none. */
export function readMetadata(model: Uint8Array): ReadonlyMap<string, string> {
  let properties: readonly { key: string; value: string }[];
  try {
    properties = fromBinary(ModelProtoSchema, model).metadataProps;
  } catch (cause) {
    throw new Error('not an ONNX model', { cause });
  }
  return new Map(properties.map(({ key, value }) => [key, value]));
}

function checkedWidth(session: InferenceSession, expected: number | undefined): number {
  const { inputNames, outputNames } = session;
  if (inputNames.length !== 1 || inputNames[0] !== FEATURES_INPUT || !outputNames.includes(SCORE_OUTPUT)) {
    throw new Error(
      `a scoring model maps '${FEATURES_INPUT}' to '${SCORE_OUTPUT}'; this one maps ${inputNames} to ${outputNames}`,
    );
  }
  const input = session.inputMetadata[0];
  const width =
    input.isTensor && input.type === 'float32' && input.shape.length === 2 ? input.shape[1] : undefined;
  if (typeof width !== 'number')
    throw new Error(`the model's input '${FEATURES_INPUT}' is not float32 [N, width]`);
  if (expected !== undefined && width !== expected) {
    throw new Error(`the model's input '${FEATURES_INPUT}' has width ${width}, expected ${expected}`);
  }
  return width;
}
