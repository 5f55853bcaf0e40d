import type { FeatureDeclaration } from './declaration.ts';
import { numberEncoderOf, wordEncoderOf } from './encodings/encoders.ts';
import type {
  Codes,
  Fitted,
  NumberEncoder,
  NumberEncoding,
  WordEncoder,
  WordEncoding,
} from './encodings/encoding.ts';
import { ItemCodes } from './item-codes.ts';
import type { ItemColumns } from './item-columns.ts';
import { FAILED, type FeatureReader, type Words } from './readers.ts';
import type { FeatureRequest } from './request.ts';

/** Where a feature's columns lie, and room for its raw values. */
export interface Target {
  readonly rows: Float32Array;
  /** Columns a row. */
  readonly width: number;
  /** One number a candidate, over which every feature may write. */
  readonly raw: Float64Array;
}

/** Writes one feature's columns for all candidates; true if a value failed. */
export interface FeatureWriter {
  write(request: FeatureRequest, target: Target): boolean;
  /** No longer follows the catalogue. */
  close(): void;
}

type Reader<K extends FeatureReader['of']> = Extract<FeatureReader, { of: K }>;

/** The feature from column `at` on. */
export function openWriter(
  feature: FeatureDeclaration,
  fitted: Fitted | undefined,
  items: ItemColumns,
  at: number,
): FeatureWriter {
  const { read, encoding } = feature;
  switch (read.of) {
    case 'row':
    case 'item':
    case 'request': {
      const encoder = numberEncoderOf(encoding as NumberEncoding, fitted);
      const otherwise = feature.default === 'missing' ? undefined : feature.default;
      if (read.of === 'row') return rowWriter(read, encoder, otherwise, at);
      if (read.of === 'request') return requestWriter(read, encoder, otherwise, at);
      return itemWriter(read, feature, encoder, otherwise, items, at);
    }
    case 'request-words':
      return requestWordsWriter(read, wordEncoderOf(encoding as WordEncoding, fitted), at);
    case 'item-words':
      return itemWordsWriter(read, wordEncoderOf(encoding as WordEncoding, fitted), items, at);
    case 'item-vector':
      return itemVectorWriter(read, (encoding as { dim: number }).dim, items, at);
  }
}

const nothing = (): void => {};

function rowWriter(
  { numbers }: Reader<'row'>,
  encoder: NumberEncoder,
  otherwise: number | undefined,
  at: number,
): FeatureWriter {
  return {
    write(request, { rows, width, raw }) {
      numbers(request, raw);
      if (otherwise !== undefined) fillMissing(raw, otherwise);
      encoder.write(raw, raw.length, rows, at, width);
      return false;
    },
    close: nothing,
  };
}

function itemWriter(
  { number }: Reader<'item'>,
  { name, version, from }: FeatureDeclaration,
  encoder: NumberEncoder,
  otherwise: number | undefined,
  items: ItemColumns,
  at: number,
): FeatureWriter {
  const column = items.numbers(`${name} ${version} ${from.join()}`, number);
  return {
    write({ input: { candidates } }, { rows, width, raw }) {
      for (let row = 0; row < raw.length; row++) raw[row] = column.at(candidates.items[row]);
      const failed = column.failed.size > 0 && candidates.items.some((item) => column.failed.has(item));
      if (otherwise !== undefined) {
        fillMissing(raw, otherwise);
        if (failed)
          for (let row = 0; row < raw.length; row++)
            if (column.failed.has(candidates.items[row])) raw[row] = Number.NaN;
      }
      encoder.write(raw, raw.length, rows, at, width);
      return failed;
    },
    close: nothing,
  };
}

function requestWriter(
  { number }: Reader<'request'>,
  encoder: NumberEncoder,
  otherwise: number | undefined,
  at: number,
): FeatureWriter {
  const { length } = encoder.columns;
  const encoded = new Float32Array(length);
  const value = new Float64Array(1);
  return {
    write(request, target) {
      const read = number(request);
      const missing = read === FAILED ? Number.NaN : read;
      value[0] = read !== FAILED && Number.isNaN(missing) ? (otherwise ?? missing) : missing;
      encoder.write(value, 1, encoded, 0, length);
      repeat(encoded, target, at);
      return read === FAILED;
    },
    close: nothing,
  };
}

function requestWordsWriter(
  { words }: Reader<'request-words'>,
  encoder: WordEncoder,
  at: number,
): FeatureWriter {
  const encoded = new Float32Array(encoder.columns.length);
  return {
    write(request, target) {
      const read = words(request);
      const codes = codesOf(read, encoder);
      encoded.fill(codes.codes.length === 0 ? Number.NaN : 0);
      for (const [i, code] of codes.codes.entries()) addCode(encoder, code, codes.weights[i], encoded, 0);
      repeat(encoded, target, at);
      return read === FAILED;
    },
    close: nothing,
  };
}

function itemWordsWriter(
  { words }: Reader<'item-words'>,
  encoder: WordEncoder,
  items: ItemColumns,
  at: number,
): FeatureWriter {
  const codes = new ItemCodes();
  const failed = new Set<number>();
  const close = items.follow((ordinal, item) => {
    const read = item === undefined ? [] : words(item);
    if (read === FAILED) failed.add(ordinal);
    else failed.delete(ordinal);
    codes.set(ordinal, codesOf(read, encoder));
  });
  const columns = encoder.columns.length;
  return {
    write({ input: { candidates } }, { rows, width }) {
      for (let row = 0, o = at; row < candidates.count; row++, o += width) {
        const item = candidates.items[row];
        const length = codes.lengthOf(item);
        if (length === 0) rows.fill(Number.NaN, o, o + columns);
        for (let i = 0; i < length; i++)
          addCode(encoder, codes.codeAt(item, i), codes.weightAt(item, i), rows, o);
      }
      return failed.size > 0 && candidates.items.some((item) => failed.has(item));
    },
    close,
  };
}

function itemVectorWriter(
  { vector }: Reader<'item-vector'>,
  dim: number,
  items: ItemColumns,
  at: number,
): FeatureWriter {
  let values = new Float32Array(0);
  const failed = new Set<number>();
  const close = items.follow((ordinal, item) => {
    if ((ordinal + 1) * dim > values.length) {
      const larger = new Float32Array(Math.max(1024, (ordinal + 1) * 2) * dim).fill(Number.NaN);
      larger.set(values);
      values = larger;
    }
    const read = item === undefined ? [] : vector(item);
    values.fill(Number.NaN, ordinal * dim, (ordinal + 1) * dim);
    if (read === FAILED) failed.add(ordinal);
    else {
      failed.delete(ordinal);
      values.set(read, ordinal * dim);
    }
  });
  return {
    write({ input: { candidates } }, { rows, width }) {
      for (let row = 0, o = at; row < candidates.count; row++, o += width) {
        const from = candidates.items[row] * dim;
        for (let i = 0; i < dim; i++) rows[o + i] = from < values.length ? values[from + i] : Number.NaN;
      }
      return failed.size > 0 && candidates.items.some((item) => failed.has(item));
    },
    close,
  };
}

const NO_CODES: Codes = { codes: [], weights: [] };

function codesOf(words: Words, encoder: WordEncoder): Codes {
  return words === FAILED || words.length === 0 ? NO_CODES : encoder.encode(words);
}

/** Adds a code's vector, times its weight, to the columns from `at` on. */
function addCode(
  { table, tableWidth }: WordEncoder,
  code: number,
  weight: number,
  rows: Float32Array,
  at: number,
): void {
  const from = code * tableWidth;
  if (from >= table.length) {
    rows[at + code - (tableWidth === 0 ? 0 : table.length / tableWidth)] += weight;
    return;
  }
  for (let i = 0; i < tableWidth; i++) rows[at + i] += weight * table[from + i];
}

function fillMissing(raw: Float64Array, value: number): void {
  for (let row = 0; row < raw.length; row++) if (Number.isNaN(raw[row])) raw[row] = value;
}

/** The same columns in every row. */
function repeat(encoded: Float32Array, { rows, width, raw }: Target, at: number): void {
  for (let i = 0; i < encoded.length; i++)
    for (let row = 0, o = at + i; row < raw.length; row++, o += width) rows[o] = encoded[i];
}
