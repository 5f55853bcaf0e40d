import type { Part } from '../bundle/manifest.ts';
import type { Bundle } from '../bundle/store.ts';
import { MillraceError } from '../errors.ts';
import { Scorer } from '../onnx/scorer.ts';
import type { ItemColumns } from './item-columns.ts';
import type { VectoriserInput } from './request.ts';
import { type FeatureSchema, schemaOfBundle } from './schema.ts';
import { Vectoriser } from './vectoriser.ts';

/** What a model is fed. */
export interface ModelRows {
  /** `count` × the schema's width, row-major; NaN: missing or failed. */
  readonly features: Float32Array;
  /** Names of features of which a value was there but not of its type. */
  readonly failed: readonly string[];
}

/** A model of a bundle with the vectoriser that makes its rows. */
export class ServedModel {
  readonly schema: FeatureSchema;
  readonly #vectoriser: Vectoriser;
  readonly #scorer: Scorer;

  private constructor(items: ItemColumns, schema: FeatureSchema, scorer: Scorer) {
    this.schema = schema;
    this.#vectoriser = new Vectoriser(items, schema);
    this.#scorer = scorer;
  }

  /** BUNDLE_DAMAGED, naming the part, where it is no model of the bundle's features. */
  static async open(bundle: Bundle, part: Part, items: ItemColumns): Promise<ServedModel> {
    const schema = await schemaOfBundle(bundle);
    try {
      const expected = { width: schema.width, featureSchemaHash: schema.hash };
      return new ServedModel(items, schema, await Scorer.open(await bundle.read(part), expected));
    } catch (cause) {
      if (cause instanceof MillraceError) throw cause;
      const message = `bundle ${bundle.version}: part ${part}: ${(cause as Error).message}`;
      throw new MillraceError('BUNDLE_DAMAGED', message, { metadata: { bundle: bundle.version } });
    }
  }

  /** Names of the model's outputs, the score among them. */
  get outputs(): readonly string[] {
    return this.#scorer.outputs;
  }

  rows(input: VectoriserInput): ModelRows {
    const features = this.#vectoriser.vectorise(input);
    return { features, failed: this.#vectoriser.failed };
  }

  /** One score a row. */
  score({ features }: ModelRows): Promise<Float32Array> {
    return this.#scorer.run(features);
  }

  /** Every output by name, one value a row. */
  scoreAll({ features }: ModelRows): Promise<Record<string, Float32Array>> {
    return this.#scorer.runAll(features);
  }

  close(): Promise<void> {
    this.#vectoriser.close();
    return this.#scorer[Symbol.asyncDispose]();
  }
}
