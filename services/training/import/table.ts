import type { Column, ColumnMap } from './columns.ts';
import { ColumnRoles } from './columns.ts';
import type { TimeUnit } from './fields.ts';
import { isEmpty, readId, readList, readNumber, readText, readTime, readValue } from './fields.ts';
import type { RowReport } from './report.ts';
import { RowFault } from './report.ts';
import type { AttributeValue, ItemRow, RowSink } from './rows.ts';

/** What the rows of a file are. */
export type RowKind = 'interaction' | 'item' | 'user' | 'friendship';

/** How a format writes what the columns alone do not say. */
export interface Dialect {
  /** The first line names the columns and every row has them all. */
  headed: boolean;
  /** Between the tokens of a list. */
  separator: string;
  /** Of numeric times that the column map gives no unit for. */
  timeUnit: TimeUnit | undefined;
}

/** Where the rows of one file go, and how they are read. */
export interface TableContext {
  file: string;
  kind: RowKind;
  map: ColumnMap;
  /** Of an interaction that names none; undefined: `rating` where the row has a value, else `view`. */
  defaultAction: string | undefined;
  sink: RowSink;
  report: RowReport;
}

type Cells = readonly unknown[];
type Accept = (cells: Cells) => void;

/** Turns the cells of one file into rows: a format calls `header`, then `row` or `bad` once for each row. */
export class Table {
  readonly file: string;
  readonly #context: TableContext;
  readonly #dialect: Dialect;
  #width = -1;
  #accept: Accept = () => {};

  constructor(context: TableContext, dialect: Dialect) {
    this.file = context.file;
    this.#context = context;
    this.#dialect = dialect;
  }

  /**
   * The positions that the cells are needed of, ascending. Throws `ImportError` naming the file and the column where one is missing
   * or repeated.
   */
  header(columns: readonly Column[]): readonly number[] {
    const { file, kind, map } = this.#context;
    const roles = new ColumnRoles(file, columns, map, this.#dialect.headed);
    if (this.#dialect.headed) this.#width = columns.length;
    const bind = BINDINGS[kind];
    this.#accept = bind(roles, columns, this.#dialect, this.#context);
    return roles.taken();
  }

  /** `cells`: text, JSON values or `Date`s; read before the call returns. `line`: the row's number where the file has no lines. */
  row(cells: Cells, line: number): void {
    this.#context.report.row(this.file, line, () => {
      if (this.#width >= 0 && cells.length !== this.#width) {
        throw new RowFault(`${cells.length} columns where the header has ${this.#width}`);
      }
      this.#accept(cells);
    });
  }

  bad(line: number, reason: string): void {
    this.#context.report.bad(this.file, line, reason);
  }
}

function bindInteraction(
  roles: ColumnRoles,
  _columns: readonly Column[],
  dialect: Dialect,
  { sink, defaultAction }: TableContext,
): Accept {
  const user = roles.need('user');
  const item = roles.need('item');
  const time = roles.need('time');
  const action = roles.find('action');
  const value = roles.find('value');
  const unit = roles.unit('time') ?? dialect.timeUnit;
  return (cells) => {
    const userId = readId(first(cells, user), 'user');
    const itemId = readId(first(cells, item), 'item');
    const timeMs = readTime(first(cells, time), unit, 'time');
    const number = readValue(first(cells, value), 'value');
    const named = first(cells, action);
    const fallback = defaultAction ?? (Number.isNaN(number) ? 'view' : 'rating');
    sink.interaction(userId, itemId, isEmpty(named) ? fallback : readId(named, 'action'), number, timeMs);
  };
}

function bindItem(
  roles: ColumnRoles,
  columns: readonly Column[],
  dialect: Dialect,
  { sink }: TableContext,
): Accept {
  const id = roles.needKey('item');
  const title = roles.find('title');
  const text = roles.find('text');
  const categories = roles.find('categories');
  const from = roles.find('available_from');
  const until = roles.find('available_until');
  const regions = roles.find('regions');
  const fromUnit = roles.unit('available_from') ?? dialect.timeUnit;
  const untilUnit = roles.unit('available_until') ?? dialect.timeUnit;
  const rest = roles.rest();
  return (cells) => {
    const row: ItemRow = {
      id: readId(first(cells, id), 'item'),
      title: optional(first(cells, title), (cell) => readText(cell, 'title')) ?? '',
      categories: readList(first(cells, categories), dialect.separator, 'categories'),
      attributes: readAttributes(cells, rest, columns, dialect),
    };
    const rowText = optional(first(cells, text), (cell) => readText(cell, 'text'));
    const fromMs = optional(first(cells, from), (cell) => readTime(cell, fromUnit, 'available_from'));
    const untilMs = optional(first(cells, until), (cell) => readTime(cell, untilUnit, 'available_until'));
    const rowRegions = readList(first(cells, regions), dialect.separator, 'regions');
    if (fromMs !== undefined && untilMs !== undefined && untilMs < fromMs) {
      throw new RowFault('available_until is before available_from');
    }
    if (rowText !== undefined) row.text = rowText;
    if (fromMs !== undefined) row.availableFromMs = fromMs;
    if (untilMs !== undefined) row.availableUntilMs = untilMs;
    if (rowRegions.length > 0) row.regions = rowRegions;
    sink.item(row);
  };
}

function bindUser(
  roles: ColumnRoles,
  columns: readonly Column[],
  dialect: Dialect,
  { sink }: TableContext,
): Accept {
  const id = roles.needKey('user');
  const rest = roles.rest();
  return (cells) => {
    sink.user({
      id: readId(first(cells, id), 'user'),
      attributes: readAttributes(cells, rest, columns, dialect),
    });
  };
}

function bindFriendship(
  roles: ColumnRoles,
  _columns: readonly Column[],
  _dialect: Dialect,
  { sink }: TableContext,
): Accept {
  const source = roles.need('source');
  const target = roles.need('target');
  return (cells) =>
    sink.friendship(readId(first(cells, source), 'source'), readId(first(cells, target), 'target'));
}

const BINDINGS = {
  interaction: bindInteraction,
  item: bindItem,
  user: bindUser,
  friendship: bindFriendship,
} as const satisfies Record<RowKind, unknown>;

function readAttributes(
  cells: Cells,
  positions: readonly number[],
  columns: readonly Column[],
  { separator }: Dialect,
): Record<string, AttributeValue> {
  const entries: [string, AttributeValue][] = [];
  for (const position of positions) {
    const cell = cells[position];
    if (isEmpty(cell)) continue;
    const { name } = columns[position];
    entries.push([name, readAttribute(cell, columns[position], separator)]);
  }
  return Object.fromEntries(entries);
}

function readAttribute(cell: unknown, { name, type }: Column, separator: string): AttributeValue {
  if (type === 'float' || (type === undefined && typeof cell === 'number')) return readNumber(cell, name);
  if (type === 'token_seq' || Array.isArray(cell)) return readList(cell, separator, name);
  if (type !== 'float_seq') return readText(cell, name);
  const numbers = readList(cell, separator, name);
  for (const number of numbers) readNumber(number, name);
  return numbers;
}

function first(cells: Cells, positions: readonly number[]): unknown {
  for (const position of positions) {
    const cell = cells[position];
    if (cell !== undefined && cell !== null) return cell;
  }
  return undefined;
}

function optional<T>(cell: unknown, read: (cell: unknown) => T): T | undefined {
  return isEmpty(cell) ? undefined : read(cell);
}
