import { Tensor } from 'onnxruntime-node';
import type { Feeds } from './gradient-step.ts';
import type { Value } from './graph.ts';

/** Values of a graph input: of a float32 one themselves, of an int64 one as uint32. */
export type Values = Float32Array | Uint32Array;

interface ColumnInput {
  /** Its first dimension is the batch. */
  readonly input: Value;
  /** The other dimensions, where the input's are symbolic. */
  readonly rowShape?: readonly number[];
}

/** The rows that feed one graph input, row-major. */
export interface StoredColumn extends ColumnInput {
  readonly data: Values;
  /** Row i of the column is row `rowOf[i]` of `data`; absent: row i. */
  readonly rowOf?: Uint32Array;
}

/** Rows that are made when a batch needs them. */
export interface ComputedColumn extends ColumnInput {
  readonly rows: number;
  /** Writes the given rows one behind the other, over whatever `into` holds. */
  compute(rows: Uint32Array, into: Values): void;
}

export type Column = StoredColumn | ComputedColumn;

/** Rows of every column, by the input's name; valid until the next batch is made. */
export interface Batch {
  readonly rows: number;
  readonly values: ReadonlyMap<string, Values>;
}

/** From this width on a block copy beats a loop: at 128 columns by three times. */
const BLOCK_COPY_WIDTH_MIN = 32;

/** Copies rows of several columns into reused batch arrays. */
export class Batches {
  readonly rows: number;
  readonly size: number;
  readonly #columns: readonly { column: Column; shape: readonly number[]; width: number; into: Values }[];

  /** Batches of up to `size` rows. Throws where columns differ in rows or a column's values are not its input's type. */
  constructor(columns: readonly Column[], size: number) {
    this.rows = columns.length === 0 ? 0 : rowsOf(columns[0]);
    this.size = Math.min(size, this.rows);
    this.#columns = columns.map((column) => {
      const shape = column.rowShape ?? (column.input.shape.slice(1) as number[]);
      const width = shape.reduce((product, dimension) => product * dimension, 1);
      const ids = column.input.type === 'int64';
      if ('data' in column && column.data instanceof Uint32Array !== ids)
        throw new Error(
          `column '${column.input.name}': ${column.data.constructor.name} for an input of ${column.input.type}`,
        );
      const length = this.size * width;
      return { column, shape, width, into: ids ? new Uint32Array(length) : new Float32Array(length) };
    });
    for (const column of columns) {
      if (rowsOf(column) !== this.rows) {
        const { name } = columns[0].input;
        throw new Error(
          `column '${column.input.name}' has ${rowsOf(column)} rows, column '${name}' ${this.rows}`,
        );
      }
    }
  }

  /** Rows `order[start]` up to, but without, `order[end]`. */
  gather(order: Uint32Array, start: number, end: number): Batch {
    const rows = order.subarray(start, end);
    const values = new Map<string, Values>();
    for (const { column, width, into } of this.#columns) {
      const batch = into.subarray(0, rows.length * width);
      if ('compute' in column) column.compute(rows, batch);
      else
        takeRows(
          column.data,
          width,
          column.rowOf === undefined ? rows : rows.map((row) => column.rowOf![row]),
          batch,
        );
      values.set(column.input.name, batch);
    }
    return { rows: rows.length, values };
  }

  /** The tensors of the `wanted` inputs of a batch. */
  feeds({ rows, values }: Batch, wanted: readonly string[]): Feeds {
    const feeds: Feeds = {};
    for (const { column, shape } of this.#columns) {
      const { name } = column.input;
      if (!wanted.includes(name)) continue;
      const data = values.get(name)!;
      const dims = [rows, ...shape];
      feeds[name] =
        data instanceof Float32Array
          ? new Tensor('float32', data, dims)
          : new Tensor('int64', BigInt64Array.from(data, BigInt), dims);
    }
    return feeds;
  }
}

/** Writes rows `rows` of the row-major `table` one behind the other. */
export function takeRows(table: Values, width: number, rows: Uint32Array, into: Values): void {
  if (width >= BLOCK_COPY_WIDTH_MIN) {
    for (let i = 0; i < rows.length; i++) {
      const from = rows[i] * width;
      into.set(table.subarray(from, from + width), i * width);
    }
    return;
  }
  for (let i = 0, to = 0; i < rows.length; i++) {
    const from = rows[i] * width;
    for (let j = 0; j < width; j++) into[to++] = table[from + j];
  }
}

function rowsOf(column: Column): number {
  if ('rows' in column) return column.rows;
  if (column.rowOf !== undefined) return column.rowOf.length;
  const shape = column.rowShape ?? (column.input.shape.slice(1) as number[]);
  return column.data.length / shape.reduce((product, dimension) => product * dimension, 1);
}
