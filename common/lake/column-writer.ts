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
/** DuckDB's string_t: u32 length, then up to 12 bytes in place; longer ones lie elsewhere. */
const TEXT_BYTES = 16;
const INLINE_BYTES_MAX = 12;

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
  #row = 0;

  private constructor(appender: DuckDBAppender, types: readonly DuckDBType[], columns: readonly Column[]) {
    this.#appender = appender;
    this.#chunk = DuckDBDataChunk.create(types);
    this.#columns = columns;
  }

  /** Appends to the table `name`, whose columns are of `types`. */
  static async open(
    connection: DuckDBConnection,
    name: string,
    types: readonly WriterType[],
  ): Promise<ColumnWriter> {
    const columns = types.map((type) =>
      type === 'text' || type === 'bytes' ? new TextColumn() : new NumberColumn(type),
    );
    return new ColumnWriter(await connection.createAppender(name), types.map(duckType), columns);
  }

  /** A number, or the index of an enum's value. */
  setNumber(column: number, value: number): void {
    (this.#columns[column] as NumberColumn).set(this.#row, value);
  }

  /** Bytes of `source`, UTF-8 in a column of texts. They must not change before `flush`; empty ones are NULL. */
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
  readonly #longRows: number[] = [];
  readonly #long: Uint8Array[] = [];
  readonly #valid = new Validity();

  set(row: number, source: Uint8Array, start: number, end: number): void {
    this.#valid.set(row);
    const length = end - start;
    if (length > INLINE_BYTES_MAX) {
      this.#longRows.push(row);
      this.#long.push(source.subarray(start, end));
      return;
    }
    this.#lengths[row * 4] = length;
    const target = row * TEXT_BYTES + 4;
    for (let i = 0; i < length; i++) this.#bytes[target + i] = source[start + i];
  }

  moveTo(vector: duckdb.Vector, rows: number): void {
    duckdb.copy_data_to_vector(vector, 0, this.#bytes.buffer, 0, rows * TEXT_BYTES);
    this.#valid.moveTo(vector, rows);
    for (const [i, row] of this.#longRows.entries())
      duckdb.vector_assign_string_element_len(vector, row, this.#long[i]);
    this.#longRows.length = 0;
    this.#long.length = 0;
    this.#bytes.fill(0, 0, rows * TEXT_BYTES);
  }
}
