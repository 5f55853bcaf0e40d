import {
  type DuckDBDataChunk,
  type DuckDBResult,
  DuckDBTypeId,
  type DuckDBValue,
  type DuckDBVector,
} from '@duckdb/node-api';
import {
  type CodedTexts,
  type LakeColumn,
  LakeColumns,
  type NumberColumn,
  type ValueColumn,
} from './lake-columns.ts';
import { TextCollector } from './text-collector.ts';

type NumberArray =
  | typeof Float64Array
  | typeof Float32Array
  | typeof Int32Array
  | typeof Uint32Array
  | typeof Int16Array
  | typeof Uint16Array
  | typeof Int8Array
  | typeof Uint8Array;

const DIRECT: ReadonlyMap<DuckDBTypeId, NumberArray> = new Map<DuckDBTypeId, NumberArray>([
  [DuckDBTypeId.DOUBLE, Float64Array],
  [DuckDBTypeId.FLOAT, Float32Array],
  [DuckDBTypeId.INTEGER, Int32Array],
  [DuckDBTypeId.UINTEGER, Uint32Array],
  [DuckDBTypeId.SMALLINT, Int16Array],
  [DuckDBTypeId.USMALLINT, Uint16Array],
  [DuckDBTypeId.TINYINT, Int8Array],
  [DuckDBTypeId.UTINYINT, Uint8Array],
]);
const WIDE: ReadonlySet<DuckDBTypeId> = new Set([DuckDBTypeId.BIGINT, DuckDBTypeId.UBIGINT]);
/** Numbers that are read one by one. */
const SLOW: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.DECIMAL,
  DuckDBTypeId.BOOLEAN,
]);
const TWO_32 = 2 ** 32;

/** Raw parts of a vector that holds numbers: the package's declarations leave them out of the common type. */
interface RawVector {
  readonly items: NumberColumn | BigInt64Array | BigUint64Array;
  readonly validity: { readonly data: BigUint64Array | null };
}

/** What a result holds, copied out of DuckDB's memory. Whole numbers beyond 2^53 are a RangeError. */
export async function columnsOfResult(result: DuckDBResult, bytesScanned = 0): Promise<LakeColumns> {
  const names = result.deduplicatedColumnNames();
  const collectors = names.map((_, i) => collectorOf(result.columnTypeId(i)));
  let count = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    for (const [i, collector] of collectors.entries())
      collector.add(chunk.getColumnVector(i), chunk.rowCount);
    count += chunk.rowCount;
  }
  return new LakeColumns(
    new Map(names.map((name, i): [string, LakeColumn | CodedTexts] => [name, collectors[i].done()])),
    count,
    bytesScanned,
  );
}

/** Whole numbers of one chunk's column as doubles; NaN for NULL. */
export function wideNumbers(chunk: DuckDBDataChunk, column: number): Float64Array {
  const { items, validity } = chunk.getColumnVector(column) as unknown as RawVector;
  const words = items as BigInt64Array;
  const values = widened(words, words.length, true);
  markNulls(values, validity.data, values.length);
  return values;
}

interface Collector {
  add(vector: DuckDBVector, rows: number): void;
  done(): LakeColumn | CodedTexts;
}

function collectorOf(type: DuckDBTypeId): Collector {
  const direct = DIRECT.get(type);
  if (direct !== undefined) return new NumberCollector(direct);
  if (WIDE.has(type)) return new NumberCollector(Float64Array, type === DuckDBTypeId.BIGINT);
  if (SLOW.has(type)) return new SlowNumberCollector();
  return type === DuckDBTypeId.VARCHAR ? new TextCollector() : new ValueCollector();
}

/** Chunks of typed arrays, joined at the end. */
class NumberCollector implements Collector {
  readonly #array: NumberArray;
  readonly #signed: boolean;
  readonly #parts: NumberColumn[] = [];
  #count = 0;
  #nulls = false;

  constructor(array: NumberArray, signed = true) {
    this.#array = array;
    this.#signed = signed;
  }

  add(vector: DuckDBVector, rows: number): void {
    const { items, validity } = vector as unknown as RawVector;
    const wide = items instanceof BigInt64Array || items instanceof BigUint64Array;
    let part: NumberColumn = wide ? widened(items, rows, this.#signed) : items.slice(0, rows);
    if (validity.data !== null) {
      if (!(part instanceof Float64Array || part instanceof Float32Array)) part = Float64Array.from(part);
      if (markNulls(part, validity.data, rows)) this.#nulls = true;
    }
    this.#parts.push(part);
    this.#count += rows;
  }

  done(): NumberColumn {
    const fractions = this.#array === Float32Array || this.#array === Float64Array;
    const joined = new (this.#nulls && !fractions ? Float64Array : this.#array)(this.#count);
    let at = 0;
    for (const part of this.#parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }
}

class SlowNumberCollector implements Collector {
  readonly #values: number[] = [];

  add(vector: DuckDBVector, rows: number): void {
    for (let row = 0; row < rows; row++) {
      const value = vector.getItem(row) as { toDouble(): number } | bigint | boolean | null;
      if (value === null) this.#values.push(Number.NaN);
      else this.#values.push(typeof value === 'object' ? value.toDouble() : Number(value));
    }
  }

  done(): Float64Array {
    return Float64Array.from(this.#values);
  }
}

class ValueCollector implements Collector {
  readonly #values: ValueColumn = [];

  add(vector: DuckDBVector, rows: number): void {
    for (let row = 0; row < rows; row++) this.#values.push(plainValue(vector.getItem(row)));
  }

  done(): ValueColumn {
    return this.#values;
  }
}

function plainValue(value: DuckDBValue): string | Uint8Array | unknown[] | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'object' && 'bytes' in value)
    return new Uint8Array((value as { bytes: Uint8Array }).bytes);
  if (typeof value === 'object' && 'items' in value)
    return (value.items as DuckDBValue[]).map((item) => (typeof item === 'object' ? plainValue(item) : item));
  return String(value);
}

/** 64-bit integers as doubles, without a BigInt each. */
function widened(words: BigInt64Array | BigUint64Array, rows: number, signed: boolean): Float64Array {
  const lows = new Uint32Array(words.buffer, words.byteOffset, rows * 2);
  const highs = signed ? new Int32Array(words.buffer, words.byteOffset, rows * 2) : lows;
  const values = new Float64Array(rows);
  for (let i = 0; i < rows; i++) values[i] = highs[2 * i + 1] * TWO_32 + lows[2 * i];
  return values;
}

/** Sets NaN where the bit of a row is clear; true if there was one. */
function markNulls(values: NumberColumn, valid: BigUint64Array | null, rows: number): boolean {
  if (valid === null) return false;
  const bits = new Uint8Array(valid.buffer, valid.byteOffset, valid.byteLength);
  let found = false;
  for (let i = 0; i < rows; i++) {
    if ((bits[i >> 3] & (1 << (i & 7))) !== 0) continue;
    values[i] = Number.NaN;
    found = true;
  }
  return found;
}
