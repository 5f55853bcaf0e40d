import {
  type DuckDBConnection,
  type DuckDBListValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api';
import { DuckDb, sqlText } from '../../../common/lake/duck-db.ts';
import type { Column } from './columns.ts';
import { ImportError } from './report.ts';
import type { Dialect, Table } from './table.ts';

const MEMORY_MB = 512;

/** Parquet: the schema names the columns and every row has them all; lists are lists, or text cut at `|`. */
export const PARQUET_DIALECT: Dialect = { headed: true, separator: '|', timeUnit: undefined };

export function isParquet(name: string): boolean {
  return /\.(parquet|pq)$/.test(name);
}

/** Reads Parquet files, one after the other, in little memory. */
export class ParquetReader implements AsyncDisposable {
  #db: DuckDb | undefined;

  /**
   * Reads one file into `table`, its rows numbered from 1. The `name=value` folders of its path are columns of text. Times and dates
   * become `Date`s, without a zone they are UTC; decimals become numbers, integers beyond 2^53 text. `onShare` is told which
   * share of the rows each step read. Throws `ImportError` naming `table.file` where the file is truncated, damaged or none.
   */
  async read(path: string, table: Table, onShare: (share: number) => void): Promise<void> {
    this.#db ??= await DuckDb.open({ memoryMb: MEMORY_MB });
    try {
      await this.#db.connected((connection) => readRows(connection, path, table, onShare));
    } catch (error) {
      const { message, cause } = error as Error;
      if (cause instanceof ImportError) throw cause;
      throw new ImportError(`${table.file}: ${message.split('\n')[0]}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db?.[Symbol.dispose]();
  }
}

async function readRows(
  connection: DuckDBConnection,
  path: string,
  table: Table,
  onShare: (share: number) => void,
): Promise<void> {
  const from = `read_parquet(${sqlText(pattern(path))}, hive_partitioning = true, hive_types_autocast = false)`;
  const described = await connection.run(`SELECT * FROM ${from} LIMIT 0`);
  const readings = described.columnTypes().map(readingOf);
  const columns = described.columnNames().map((name, i): Column => ({ name, ...readings[i].column }));
  const needed = table.header(columns);
  const [[total]] = await (await connection.run(`SELECT count(*)::DOUBLE FROM ${from}`)).getRows();
  const selected = needed.map((position) => readings[position].select(identifier(columns[position].name)));
  const result = await connection.stream(`SELECT ${selected.join(', ')} FROM ${from}`);
  const cells: unknown[] = columns.map(() => undefined);
  let row = 0;
  for (
    let chunk = await result.fetchChunk();
    chunk !== null && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    const values = needed.map((_, i) => chunk.getColumnValues(i));
    for (let i = 0; i < chunk.rowCount; i++) {
      for (let at = 0; at < needed.length; at++) {
        const position = needed[at];
        const value = values[at][i];
        cells[position] = value === null ? null : readings[position].cell(value);
      }
      table.row(cells, ++row);
    }
    onShare(chunk.rowCount / Number(total));
  }
}

/** How a column of one SQL type becomes cells. */
interface Reading {
  readonly column: Pick<Column, 'type' | 'unreadable'>;
  /** The SQL expression that is read, of the quoted column. */
  select(column: string): string;
  cell(value: DuckDBValue): unknown;
}

const asIs = (value: DuckDBValue): unknown => value;
const cast = (type: string) => (column: string) => `CAST(${column} AS ${type})`;

const TEXT: Reading = { column: { type: undefined }, select: cast('VARCHAR'), cell: asIs };
const NUMBER: Reading = { column: { type: 'float' }, select: cast('DOUBLE'), cell: asIs };
const INTEGER: Reading = {
  column: { type: 'float' },
  select: cast('BIGINT'),
  cell: (value) => {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  },
};
const HUGE: Reading = { ...TEXT, column: { type: 'float' } };
const INSTANT: Reading = {
  column: { type: undefined },
  select: (column) => `CAST(epoch_ms(CAST(${column} AS TIMESTAMP)) AS DOUBLE)`,
  cell: (value) => new Date(Number(value)),
};
const LIST: Reading = {
  column: { type: 'token_seq' },
  select: cast('VARCHAR[]'),
  cell: (value) => (value as DuckDBListValue).items.filter((item) => item !== null),
};

const READINGS: Partial<Record<DuckDBTypeId, Reading>> = {
  [DuckDBTypeId.VARCHAR]: TEXT,
  [DuckDBTypeId.ENUM]: TEXT,
  [DuckDBTypeId.UUID]: TEXT,
  [DuckDBTypeId.BOOLEAN]: TEXT,
  [DuckDBTypeId.TIME]: TEXT,
  [DuckDBTypeId.TINYINT]: NUMBER,
  [DuckDBTypeId.SMALLINT]: NUMBER,
  [DuckDBTypeId.INTEGER]: NUMBER,
  [DuckDBTypeId.UTINYINT]: NUMBER,
  [DuckDBTypeId.USMALLINT]: NUMBER,
  [DuckDBTypeId.UINTEGER]: NUMBER,
  [DuckDBTypeId.FLOAT]: NUMBER,
  [DuckDBTypeId.DOUBLE]: NUMBER,
  [DuckDBTypeId.DECIMAL]: NUMBER,
  [DuckDBTypeId.BIGINT]: INTEGER,
  [DuckDBTypeId.UBIGINT]: HUGE,
  [DuckDBTypeId.HUGEINT]: HUGE,
  [DuckDBTypeId.DATE]: INSTANT,
  [DuckDBTypeId.TIMESTAMP]: INSTANT,
  [DuckDBTypeId.TIMESTAMP_S]: INSTANT,
  [DuckDBTypeId.TIMESTAMP_MS]: INSTANT,
  [DuckDBTypeId.TIMESTAMP_NS]: INSTANT,
  [DuckDBTypeId.TIMESTAMP_TZ]: { ...INSTANT, select: (column) => `CAST(epoch_ms(${column}) AS DOUBLE)` },
};

function readingOf(type: DuckDBType): Reading {
  if (type.typeId === DuckDBTypeId.LIST && READINGS[type.valueType.typeId] !== undefined) return LIST;
  const unreadable = {
    column: { type: undefined, unreadable: String(type) },
    select: () => 'NULL',
    cell: asIs,
  };
  return READINGS[type.typeId] ?? unreadable;
}

/** The path as a pattern that matches it alone. */
function pattern(path: string): string {
  return path.replace(/[*?[]/g, '[$&]');
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
