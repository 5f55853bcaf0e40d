import { z } from 'zod';

const kind = <K extends string>(name: K) => z.literal(name);
const dim = z.number().int().min(1).max(512);
const vocabulary = z.number().int().min(1).max(4_096);
const words = z.array(z.string().min(1).max(256)).min(1).max(4_096);

/** How a value becomes the model's numbers; one file of this folder each. */
export const encodingSchema = z.discriminatedUnion('kind', [
  /** As it is. */
  z.strictObject({ kind: kind('number') }),
  z.strictObject({ kind: kind('log') }),
  z.strictObject({ kind: kind('z-score') }),
  z.strictObject({ kind: kind('quantile'), knots: z.number().int().min(2).max(1_024).default(32) }),
  z.strictObject({ kind: kind('cyclic'), period: z.number().positive() }),
  /** `values` fixes the words; else the `max` most frequent ones of the training part. */
  z.strictObject({ kind: kind('one-hot'), max: vocabulary.default(32), values: words.optional() }),
  z.strictObject({ kind: kind('multi-hot'), max: vocabulary.default(32), values: words.optional() }),
  z.strictObject({ kind: kind('hashed'), buckets: z.number().int().min(2).max(4_096).default(16) }),
  z.strictObject({ kind: kind('embedding'), dim: dim.default(8), max: vocabulary.default(1_024) }),
  z.strictObject({ kind: kind('tf-idf'), terms: vocabulary.default(64) }),
  z.strictObject({ kind: kind('word-vectors'), dim: dim.default(16), max: vocabulary.default(1_024) }),
  /** The numbers of a vector that was computed elsewhere. */
  z.strictObject({ kind: kind('vector'), dim: z.number().int().min(1).max(4_096) }),
]);
export type Encoding = z.output<typeof encodingSchema>;
export type EncodingKind = Encoding['kind'];

export const featureTypes = ['number', 'category', 'set', 'text', 'vector'] as const;
export type FeatureType = (typeof featureTypes)[number];

/** The encodings that fit each type of value. */
export const ENCODINGS_OF: Readonly<Record<FeatureType, readonly EncodingKind[]>> = {
  number: ['number', 'log', 'z-score', 'quantile', 'cyclic'],
  category: ['one-hot', 'hashed', 'embedding'],
  set: ['multi-hot', 'hashed', 'embedding'],
  text: ['tf-idf', 'word-vectors', 'hashed'],
  vector: ['vector'],
};

/** What an encoding learnt: its words in the order of its columns, and its numbers. */
export interface Fitted {
  readonly words: readonly string[];
  readonly numbers: Float64Array;
}

export type NumberEncoding = Extract<
  Encoding,
  { kind: 'number' | 'log' | 'z-score' | 'quantile' | 'cyclic' }
>;
export type WordEncoding = Extract<
  Encoding,
  { kind: 'one-hot' | 'multi-hot' | 'hashed' | 'embedding' | 'tf-idf' | 'word-vectors' }
>;

/** What one column says of a number; NaN, which is a missing one, stays NaN. */
export type EncodeNumber = (value: number) => number;

/** Numbers in, columns out. */
export interface NumberEncoder {
  /** Suffixes of its columns' names. */
  readonly columns: readonly string[];
  /** A function a column. */
  readonly encode: readonly EncodeNumber[];
}

/** What the words of one value say: codes with weights. */
export interface Codes {
  readonly codes: readonly number[];
  readonly weights: readonly number[];
}

/**
 * Words in, the weighted sum of their codes' vectors out. A code below the number of the table's rows stands for its row, a greater one
 * for the column `code − rows`; without a table every code is a column. A value without words is missing: NaN in every column.
 */
export interface WordEncoder {
  readonly columns: readonly string[];
  /** Rows of `tableWidth` numbers. */
  readonly table: Float64Array;
  readonly tableWidth: number;
  /** The codes of at least one word. */
  encode(words: readonly string[]): Codes;
}

export const NO_TABLE = new Float64Array(0);
/** The name of the column that says which share of a value's words the training part did not have. */
export const OTHER = 'other';
