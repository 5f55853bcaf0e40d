import { type Candidates, isScoreColumn } from '../columns.ts';
import { largestOf } from './families/retrieval.ts';
import type { ItemColumns } from './item-columns.ts';
import { FeatureRequest, type VectoriserInput } from './request.ts';
import { columnsOf, type FeatureSchema } from './schema.ts';
import { type FeatureWriter, openWriter } from './writers.ts';

/** The largest of each source's scores, by column; columns without a positive one are left out. */
export function largestScores({ columns }: Candidates): Record<string, number> {
  const largest: Record<string, number> = {};
  for (const [name, values] of columns) {
    if (!isScoreColumn(name)) continue;
    const value = largestOf(values);
    if (value > 0) largest[name] = value;
  }
  return largest;
}

/**
 * Turns candidates into the ranker's rows: the schema's features by column, NaN where a value is missing or has failed. Training and
 * serving call this same code. Holds its scratch: one instance serves one call at a time.
 */
export class Vectoriser {
  readonly #items: ItemColumns;
  readonly #schema: FeatureSchema;
  readonly #writers: readonly FeatureWriter[];
  #failed: string[] = [];

  constructor(items: ItemColumns, schema: FeatureSchema) {
    this.#items = items;
    this.#schema = schema;
    let at = 0;
    this.#writers = schema.features.map((feature) => {
      const writer = openWriter(feature, schema.encoders.get(feature.name), items, at);
      at += columnsOf(feature, schema.encoders).length;
      return writer;
    });
  }

  /** A new `count` × width row-major matrix. */
  vectorise(input: VectoriserInput): Float32Array {
    const { count } = input.candidates;
    const { width, features } = this.#schema;
    const target = { rows: new Float32Array(count * width), width };
    const request = new FeatureRequest(input, this.#items);
    this.#failed = [];
    for (let i = 0; i < this.#writers.length; i++)
      if (this.#writers[i].write(request, target)) this.#failed.push(features[i].name);
    return target.rows;
  }

  /** Features of the last call of which a value was there but not of its type, so that it is NaN without being missing. */
  get failed(): readonly string[] {
    return this.#failed;
  }

  /** No longer follows the catalogue. */
  close(): void {
    for (const writer of this.#writers) writer.close();
  }
}
