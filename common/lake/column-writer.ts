import {
  BIGINT,
  BLOB,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  ENUM,
  FLOAT,
  INTEGER,
  VARCHAR,
} from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';

/** Rows of one data chunk of DuckDB. */
const CHUNK_ROWS = 2_048;
/** DuckDB's string_t: u32 length, then up to 12 bytes in place; of longer ones the first 4 and the address of all. */
const TEXT_BYTES = 16;
const INLINE_BYTES_MAX = 12;
const PREFIX_BYTES = 4;
const LONG_BYTES = 64 * 1024;
/** Up to here a loop is faster than the call that copies. */
const LOOP_BYTES_MAX = 128;

type Column = NumberColumn | TextColumn;

/**
 * Appends rows to a table of DuckDB column by column, without an object a row or a value: set the columns of the row at hand,
 * then call `endRow`. Columns not set are NULL.
 */
export class ColumnWriter {
  /** Rows appended. */
  rows = 0;
  readonly #appender: DuckDBAppender;
  readonly #chunk: DuckDBDataChunk;
  readonly #columns: readonly Column[];
  readonly #long: LongTexts;
  #row = 0;

  private constructor(
    appender: DuckDBAppender,
    types: readonly DuckDBType[],
    columns: readonly Column[],
    long: LongTexts,
  ) {
    this.#appender = appender;
    this.#chunk = DuckDBDataChunk.create(types);
    this.#columns = columns;
    this.#long = long;
  }

  /** Appends to the table `name`, whose columns are of `types`. */
  static async open(
    connection: DuckDBConnection,
    name: string,
    types: readonly WriterType[],
  ): Promise<ColumnWriter> {
    const long = new LongTexts();
    const columns = types.map((type) =>
      type === 'text' || type === 'bytes' ? new TextColumn(long) : new NumberColumn(type),
    );
    return new ColumnWriter(await connection.createAppender(name), types.map(duckType), columns, long);
  }

  /** A number, or the index of an enum's value. */
  setNumber(column: number, value: number): void {
    (this.#columns[column] as NumberColumn).set(this.#row, value);
  }

  /** Copies bytes of `source`, UTF-8 in a column of texts; empty ones are NULL. */
  setBytes(column: number, source: Uint8Array, start: number, end: number): void {
    if (end > start) (this.#columns[column] as TextColumn).set(this.#row, source, start, end);
  }

  endRow(): void {
    this.rows++;
    if (++this.#row === CHUNK_ROWS) this.flush();
  }

  /** Hands what is written to DuckDB. */
  flush(): void {
    if (this.#row === 0) return;
    this.#chunk.reset();
    this.#chunk.rowCount = this.#row;
    this.#long.hand();
    for (const [i, column] of this.#columns.entries())
      column.moveTo(duckdb.data_chunk_get_vector(this.#chunk.chunk, i), this.#row);
    this.#appender.appendDataChunk(this.#chunk);
    this.#row = 0;
  }

  /** Makes all rows visible to queries. */
  close(): void {
    this.flush();
    this.#appender.closeSync();
  }
}

/** `{values}`: an enum of at most 256. */
export type WriterType =
  | 'bigint'
  | 'integer'
  | 'float'
  | 'text'
  | 'bytes'
  | { readonly values: readonly string[] };

function duckType(type: WriterType): DuckDBType {
  if (typeof type === 'object') return ENUM(type.values);
  return { bigint: BIGINT, integer: INTEGER, float: FLOAT, text: VARCHAR, bytes: BLOB }[type];
}

/** Which rows hold a value, a bit each. */
class Validity {
  readonly #bits = new Uint8Array(CHUNK_ROWS / 8);
  #set = 0;

  set(row: number): void {
    this.#bits[row >> 3] |= 1 << (row & 7);
    this.#set++;
  }

  moveTo(vector: duckdb.Vector, rows: number): void {
    if (this.#set < rows) {
      duckdb.vector_ensure_validity_writable(vector);
      duckdb.copy_data_to_vector_validity(vector, 0, this.#bits.buffer, 0, this.#bits.byteLength);
    }
    this.#bits.fill(0);
    this.#set = 0;
  }
}

class NumberColumn {
  readonly #values: Float32Array | Int32Array | Uint8Array;
  /** Words of 32 bits for each value of a BIGINT. */
  readonly #wide: boolean;
  readonly #valid = new Validity();

  constructor(type: WriterType) {
    this.#wide = type === 'bigint';
    if (typeof type === 'object') this.#values = new Uint8Array(CHUNK_ROWS);
    else if (type === 'float') this.#values = new Float32Array(CHUNK_ROWS);
    else this.#values = new Int32Array(this.#wide ? 2 * CHUNK_ROWS : CHUNK_ROWS);
  }

  set(row: number, value: number): void {
    this.#valid.set(row);
    if (this.#wide) {
      this.#values[2 * row] = value;
      this.#values[2 * row + 1] = Math.floor(value / 2 ** 32);
    } else this.#values[row] = value;
  }

  moveTo(vector: duckdb.Vector, rows: number): void {
    const bytes = rows * this.#values.BYTES_PER_ELEMENT * (this.#wide ? 2 : 1);
    duckdb.copy_data_to_vector(vector, 0, this.#values.buffer as ArrayBuffer, 0, bytes);
    this.#valid.moveTo(vector, rows);
  }
}

class TextColumn {
  readonly #bytes = new Uint8Array(CHUNK_ROWS * TEXT_BYTES);
  readonly #lengths = new Uint32Array(this.#bytes.buffer);
  readonly #addresses = new BigUint64Array(this.#bytes.buffer);
  readonly #longRows: number[] = [];
  readonly #long: LongTexts;
  readonly #valid = new Validity();

  constructor(long: LongTexts) {
    this.#long = long;
  }

  set(row: number, source: Uint8Array, start: number, end: number): void {
    this.#valid.set(row);
    const length = end - start;
    this.#lengths[row * 4] = length;
    const target = row * TEXT_BYTES + 4;
    const inPlace = length > INLINE_BYTES_MAX ? PREFIX_BYTES : length;
    for (let i = 0; i < inPlace; i++) this.#bytes[target + i] = source[start + i];
    if (length <= INLINE_BYTES_MAX) return;
    this.#longRows.push(row);
    this.#lengths[row * 4 + 2] = this.#long.add(source, start, end);
  }

  /** Only after `LongTexts.hand`. */
  moveTo(vector: duckdb.Vector, rows: number): void {
    for (const row of this.#longRows) this.#addresses[row * 2 + 1] += this.#long.address;
    this.#longRows.length = 0;
    duckdb.copy_data_to_vector(vector, 0, this.#bytes.buffer, 0, rows * TEXT_BYTES);
    this.#valid.moveTo(vector, rows);
    this.#bytes.fill(0, 0, rows * TEXT_BYTES);
  }
}

/** The texts of one chunk that are too long to lie in place, as one value in DuckDB's memory. */
class LongTexts {
  /** Where the first one lies in memory, from `hand` until the next. */
  address = 0n;
  readonly #holder = DuckDBDataChunk.create([BLOB], 1);
  #bytes = new Uint8Array(LONG_BYTES);
  #end = 0;

  /** Copies a text; its distance from `address`. */
  add(source: Uint8Array, start: number, end: number): number {
    const at = this.#end;
    this.#end += end - start;
    if (this.#end > this.#bytes.length) this.#grow(at);
    if (end - start > LOOP_BYTES_MAX) this.#bytes.set(source.subarray(start, end), at);
    else for (let i = start; i < end; i++) this.#bytes[at + i - start] = source[i];
    return at;
  }

  /** Hands the texts to DuckDB, which keeps them until the next call. */
  hand(): void {
    if (this.#end === 0) return;
    this.#holder.reset();
    this.#holder.rowCount = 1;
    const vector = duckdb.data_chunk_get_vector(this.#holder.chunk, 0);
    duckdb.vector_assign_string_element_len(vector, 0, this.#bytes.subarray(0, this.#end));
    const held = Uint8Array.from(duckdb.vector_get_data(vector, TEXT_BYTES));
    this.address = new BigUint64Array(held.buffer)[1];
    this.#end = 0;
  }

  #grow(used: number): void {
    const larger = new Uint8Array(2 * this.#end);
    larger.set(this.#bytes.subarray(0, used));
    this.#bytes = larger;
  }
}
