import type { FeatureDeclaration } from './declaration.ts';
import { numberEncoderOf, wordEncoderOf } from './encodings/encoders.ts';
import type {
  Codes,
  EncodeNumber,
  Fitted,
  NumberEncoding,
  WordEncoder,
  WordEncoding,
} from './encodings/encoding.ts';
import { ItemCodes } from './item-codes.ts';
import type { ItemColumns } from './item-columns.ts';
import { FAILED, type FeatureReader, type Words } from './readers.ts';
import type { FeatureRequest } from './request.ts';

/** The row-major matrix. */
export interface Target {
  readonly rows: Float32Array;
  /** Columns a row. */
  readonly width: number;
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
      const { encode } = numberEncoderOf(encoding as NumberEncoding, fitted);
      const encodes = feature.default === 'missing' ? encode : withDefault(encode, feature.default);
      if (read.of === 'row') return rowWriter(read, encodes, at);
      if (read.of === 'request') return requestWriter(read, encodes, at);
      return itemWriter(read, feature, encodes, items, at);
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

function rowWriter({ write }: Reader<'row'>, encodes: readonly EncodeNumber[], at: number): FeatureWriter {
  return {
    write(request, { rows, width }) {
      for (let i = 0; i < encodes.length; i++)
        write(request, { rows, at: at + i, stride: width, encode: encodes[i] });
      return false;
    },
    close: nothing,
  };
}

function itemWriter(
  { number }: Reader<'item'>,
  { name, version, from }: FeatureDeclaration,
  encodes: readonly EncodeNumber[],
  items: ItemColumns,
  at: number,
): FeatureWriter {
  const column = items.numbers(`${name} ${version} ${from.join()}`, number);
  return {
    write({ input: { candidates } }, { rows, width }) {
      const ordinals = candidates.items;
      for (let i = 0; i < encodes.length; i++) {
        const encode = encodes[i];
        for (let row = 0, o = at + i; row < ordinals.length; row++, o += width)
          rows[o] = encode(column.at(ordinals[row]));
      }
      if (column.failed.size === 0) return false;
      let failed = false;
      for (let row = 0, o = at; row < ordinals.length; row++, o += width) {
        if (!column.failed.has(ordinals[row])) continue;
        rows.fill(Number.NaN, o, o + encodes.length);
        failed = true;
      }
      return failed;
    },
    close: nothing,
  };
}

function requestWriter(
  { number }: Reader<'request'>,
  encodes: readonly EncodeNumber[],
  at: number,
): FeatureWriter {
  const encoded = new Float32Array(encodes.length);
  return {
    write(request, target) {
      const read = number(request);
      for (let i = 0; i < encoded.length; i++) encoded[i] = read === FAILED ? Number.NaN : encodes[i](read);
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

function withDefault(encodes: readonly EncodeNumber[], otherwise: number): EncodeNumber[] {
  return encodes.map((encode) => (value) => encode(Number.isNaN(value) ? otherwise : value));
}

/** The same columns in every row. */
function repeat(encoded: Float32Array, { rows, width }: Target, at: number): void {
  for (let i = 0; i < encoded.length; i++)
    for (let o = at + i; o < rows.length; o += width) rows[o] = encoded[i];
}
