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

/** Texts of one column, each once in the order of their first rows, and which of them each row has. */
export interface CodedTexts {
  readonly values: readonly string[];
  /** Indexes of `values`, a row each; −1 where SQL says NULL. */
  readonly codes: Int32Array;
}

/** The answer to a query, column by column. */
export class LakeColumns {
  /** Rows. */
  readonly count: number;
  /** Bytes of stored data that the query is about: Athena's figure, or the sizes of the files that DuckDB looks into. */
  readonly bytesScanned: number;
  readonly #columns: ReadonlyMap<string, LakeColumn | CodedTexts>;

  constructor(columns: ReadonlyMap<string, LakeColumn | CodedTexts>, count: number, bytesScanned = 0) {
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
    const column = this.#held(name);
    if (!('codes' in column)) return column;
    return Array.from(column.codes, (code) => (code < 0 ? null : column.values[code]));
  }

  /** A column of texts, NULLs included; a TypeError where it has others. */
  codedTexts(name: string): CodedTexts {
    const column = this.#held(name);
    if ('codes' in column) return column;
    if (!Array.isArray(column) || column.some((value) => typeof value !== 'string' && value !== null))
      throw new TypeError(`column ${name} does not hold texts`);
    return coded(column as (string | null)[]);
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

  #held(name: string): LakeColumn | CodedTexts {
    const column = this.#columns.get(name);
    if (column === undefined)
      throw new RangeError(`the query gives no column ${name}; it gives ${this.names.join(', ')}`);
    return column;
  }
}

function coded(texts: readonly (string | null)[]): CodedTexts {
  const known = new Map<string, number>();
  const codes = Int32Array.from(texts, (text) => {
    if (text === null) return -1;
    const code = known.get(text) ?? known.size;
    known.set(text, code);
    return code;
  });
  return { values: [...known.keys()], codes };
}
