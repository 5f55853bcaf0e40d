import type { TimeUnit } from './fields.ts';
import { ImportError } from './report.ts';

/** RecBole's column types: one token, tokens, a number, numbers. */
export type ColumnType = 'token' | 'token_seq' | 'float' | 'float_seq';

/** A column of a file. `type` is undefined where the header does not state one. A column without a name is ignored. */
export interface Column {
  name: string;
  type: ColumnType | undefined;
  /** The file's own type where no cell can be made of it: the column can play no role and is left out. */
  unreadable?: string;
}

const ROLES = [
  'user',
  'item',
  'time',
  'action',
  'value',
  'title',
  'text',
  'categories',
  'available_from',
  'available_until',
  'regions',
  'source',
  'target',
] as const;

/** What a column can mean. */
export type Role = (typeof ROLES)[number];

/** Which column plays which role, by the column's name without its type; `unit` for times only. */
export type ColumnMap = Partial<Record<Role, { column: string; unit?: TimeUnit }>>;

/** Names that play a role without being mapped; the first that a file has is taken. */
const CONVENTIONAL: Record<Role, readonly string[]> = {
  user: ['user_id', 'user'],
  item: ['item_id', 'item'],
  time: ['timestamp', 'time'],
  action: ['action', 'event'],
  value: ['rating', 'value', 'label'],
  title: ['title', 'movie_title', 'name'],
  text: ['text', 'description'],
  categories: ['categories', 'category', 'genres', 'genre', 'class'],
  available_from: ['available_from'],
  available_until: ['available_until'],
  regions: ['regions', 'region'],
  source: ['source_id', 'source'],
  target: ['target_id', 'target'],
};

const TIMES: readonly Role[] = ['time', 'available_from', 'available_until'];

/**
 * Reads `user=uid,item=sku,time=ts:ms`. A time may end in `:s` or `:ms`. Throws `ImportError` on an unknown or repeated
 * role and on an empty column name.
 */
export function parseColumnMap(text: string): ColumnMap {
  const map: ColumnMap = {};
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=');
    const role = pair.slice(0, Math.max(0, equals)).trim() as Role;
    const target = pair.slice(equals + 1).trim();
    if (!ROLES.includes(role)) {
      throw new ImportError(`column map: '${pair}' is not role=column; the roles are ${ROLES.join(', ')}`);
    }
    if (map[role] !== undefined) throw new ImportError(`column map: ${role} is mapped twice`);
    const unit = TIMES.includes(role) ? /:(s|ms)$/.exec(target) : null;
    const column = unit === null ? target : target.slice(0, unit.index);
    if (column === '') throw new ImportError(`column map: ${role} has no column name`);
    map[role] = unit === null ? { column } : { column, unit: unit[1] as TimeUnit };
  }
  return map;
}

/** Splits `name:type`. A suffix that is not one of RecBole's types belongs to the name. */
export function parseColumn(header: string): Column {
  const match = /^(.*):(token|token_seq|float|float_seq)$/s.exec(header);
  if (match === null) return { name: header, type: undefined };
  return { name: match[1] as string, type: match[2] as ColumnType };
}

/** The columns of one file, and the roles that they play. */
export class ColumnRoles {
  readonly #file: string;
  readonly #map: ColumnMap;
  readonly #headed: boolean;
  readonly #columns: readonly Column[];
  readonly #taken = new Set<number>();

  /** `headed`: the file states its columns once, so a missing one is an error of the file and not of a row. */
  constructor(file: string, columns: readonly Column[], map: ColumnMap, headed: boolean) {
    this.#file = file;
    this.#columns = columns;
    this.#map = map;
    this.#headed = headed;
    const seen = new Set<string>();
    for (const { name } of columns) {
      if (name !== '' && seen.has(name)) throw new ImportError(`${file}: column '${name}' is there twice`);
      seen.add(name);
    }
  }

  /** Positions of the role's column, best first: none, one, or for a file without a header each conventional name. */
  find(role: Role): number[] {
    const mapped = this.#map[role];
    const positions = this.#positions(mapped === undefined ? CONVENTIONAL[role] : [mapped.column]);
    if (mapped !== undefined && positions.length === 0 && this.#headed) {
      throw new ImportError(
        `${this.#file}: no column '${mapped.column}' (mapped to ${role})${this.#having()}`,
      );
    }
    return this.#readable(positions, role);
  }

  /** As `find`, where a headed file must have the column. */
  need(role: Role): number[] {
    const positions = this.find(role);
    if (positions.length === 0 && this.#headed) {
      throw new ImportError(
        `${this.#file}: no column for ${role}: ${CONVENTIONAL[role].join(' or ')}${this.#having()}`,
      );
    }
    return positions;
  }

  /** The key of an item or user file: the mapped column where it has one, else a conventional name, else `id`. */
  needKey(role: 'item' | 'user'): number[] {
    const mapped = this.#map[role]?.column;
    const names = [...(mapped === undefined ? [] : [mapped]), ...CONVENTIONAL[role], 'id'];
    const positions = this.#positions(names);
    if (positions.length === 0 && this.#headed) {
      throw new ImportError(`${this.#file}: no column for ${role}: ${names.join(' or ')}${this.#having()}`);
    }
    return this.#readable(positions, role);
  }

  unit(role: Role): TimeUnit | undefined {
    return this.#map[role]?.unit;
  }

  /** Positions of the named columns that no role has taken; takes them. */
  rest(): number[] {
    const positions: number[] = [];
    for (let i = 0; i < this.#columns.length; i++) {
      const { name, unreadable } = this.#columns[i];
      if (!this.#taken.has(i) && name !== '' && unreadable === undefined) positions.push(i);
    }
    for (const position of positions) this.#taken.add(position);
    return positions;
  }

  /** Positions of the columns that anything asked for, ascending. */
  taken(): number[] {
    return [...this.#taken].sort((a, b) => a - b);
  }

  #positions(names: readonly string[]): number[] {
    const found = names.map((name) => this.#columns.findIndex((column) => column.name === name));
    const positions = found.filter((position) => position >= 0).slice(0, this.#headed ? 1 : undefined);
    for (const position of positions) this.#taken.add(position);
    return positions;
  }

  #readable(positions: number[], role: Role): number[] {
    for (const position of positions) {
      const { name, unreadable } = this.#columns[position];
      if (unreadable !== undefined)
        throw new ImportError(
          `${this.#file}: column '${name}' (${role}) is of type ${unreadable}, which cannot be read`,
        );
    }
    return positions;
  }

  #having(): string {
    return `; the file has ${this.#columns.map((column) => column.name).join(', ')}`;
  }
}
