/** Numbers of one column; NaN where SQL says NULL, which makes whole numbers with NULLs a Float64Array. */
export type NumberColumn =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Texts, bytes (BLOB) or lists of one column; null where SQL says NULL. Dates and times are texts as SQL prints them. */
export type ValueColumn = (string | Uint8Array | unknown[] | null)[];

export type LakeColumn = NumberColumn | ValueColumn;

/** The answer to a query, column by column. */
export class LakeColumns {
  /** Rows. */
  readonly count: number;
  /** Bytes of stored data that the query is about: Athena's figure, or the sizes of the files that DuckDB looks into. */
  readonly bytesScanned: number;
  readonly #columns: ReadonlyMap<string, LakeColumn>;

  constructor(columns: ReadonlyMap<string, LakeColumn>, count: number, bytesScanned = 0) {
    this.#columns = columns;
    this.count = count;
    this.bytesScanned = bytesScanned;
  }

  /** In the order of the query. */
  get names(): string[] {
    return [...this.#columns.keys()];
  }

  /** A RangeError where the query gives no column `name`. */
  column(name: string): LakeColumn {
    const column = this.#columns.get(name);
    if (column === undefined)
      throw new RangeError(`the query gives no column ${name}; it gives ${this.names.join(', ')}`);
    return column;
  }

  /** A column of numbers; a TypeError where it has others. */
  numbers(name: string): NumberColumn {
    const column = this.column(name);
    if (Array.isArray(column)) throw new TypeError(`column ${name} holds no numbers`);
    return column;
  }

  /** A column of texts; a TypeError where it has others, NULLs included. */
  texts(name: string): readonly string[] {
    const column = this.column(name);
    if (!Array.isArray(column) || column.some((value) => typeof value !== 'string'))
      throw new TypeError(`column ${name} does not hold texts alone`);
    return column as string[];
  }
}
