import { ACTION_BY_NAME } from '../actions.ts';

/** Types of columns: DuckDB's names, which Athena's follow from. */
type ColumnType = 'BIGINT' | 'INTEGER' | 'REAL' | 'VARCHAR' | 'VARCHAR[]' | 'BLOB';

export interface TableColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** A table of the lake: its columns in the files, and those that its folders are named by. */
export interface LakeTable {
  readonly name: TableName;
  readonly columns: readonly TableColumn[];
  readonly partitions: readonly string[];
}

export type TableName = 'events' | 'decided';

/** Values of `action` that are no actions of people: kinds of event, and `unknown` for an action that has no name. */
export const OTHER_ACTIONS = ['decision', 'catalogue', 'user', 'unknown'] as const;

/** Every value that `action` may have. */
export const ACTION_NAMES: readonly string[] = [...ACTION_BY_NAME.keys(), ...OTHER_ACTIONS];

/**
 * One row an event. Texts that are empty in the event are NULL. `record` is the encoded millrace.logging.v1.Event of events whose
 * other columns do not say all that they hold: all but feedback.
 */
const EVENTS: LakeTable = {
  name: 'events',
  columns: [
    { name: 'offset', type: 'BIGINT' },
    { name: 'event_id', type: 'VARCHAR' },
    { name: 'time_ms', type: 'BIGINT' },
    { name: 'user_id', type: 'VARCHAR' },
    { name: 'item_id', type: 'VARCHAR' },
    { name: 'value', type: 'REAL' },
    { name: 'request_id', type: 'VARCHAR' },
    { name: 'position', type: 'INTEGER' },
    { name: 'propensity', type: 'REAL' },
    { name: 'device', type: 'VARCHAR' },
    { name: 'locale', type: 'VARCHAR' },
    { name: 'surface', type: 'VARCHAR' },
    { name: 'region', type: 'VARCHAR' },
    { name: 'categories', type: 'VARCHAR[]' },
    { name: 'record', type: 'BLOB' },
  ],
  partitions: ['date', 'action'],
};

/**
 * One row an item shown or sampled of a decision. `slot`: 0 first; −1: not shown. `features`: f32 little-endian, NULL where the
 * decision has none. `scores`: a JSON object of numbers by column name, with `_` for `.`.
 */
const DECIDED: LakeTable = {
  name: 'decided',
  columns: [
    { name: 'offset', type: 'BIGINT' },
    { name: 'time_ms', type: 'BIGINT' },
    { name: 'request_id', type: 'VARCHAR' },
    { name: 'user_id', type: 'VARCHAR' },
    { name: 'item_id', type: 'VARCHAR' },
    { name: 'slot', type: 'INTEGER' },
    { name: 'propensity', type: 'REAL' },
    { name: 'sample_probability', type: 'REAL' },
    { name: 'features', type: 'BLOB' },
    { name: 'scores', type: 'VARCHAR' },
  ],
  partitions: ['date'],
};

export const TABLES: Readonly<Record<TableName, LakeTable>> = { events: EVENTS, decided: DECIDED };

/** The column's name as both dialects take it. */
export function quoted(name: string): string {
  return `"${name}"`;
}
