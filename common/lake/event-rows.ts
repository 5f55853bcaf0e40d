import type { DuckDBConnection } from '@duckdb/node-api';
import type { DecidedItem, Decision, Event } from '../../gen/millrace/logging/v1/logging.ts';
import { ACTION_BY_NAME } from '../actions.ts';
import { decodeEvent } from '../log/events.ts';
import { ColumnWriter, type WriterType } from './column-writer.ts';
import { FeedbackScanner, Text } from './feedback-scanner.ts';
import { ACTION_NAMES, type OTHER_ACTIONS, quoted, TABLES, type TableName } from './schema.ts';

/** Between the categories of a row that is not yet in a file. */
const CATEGORY_SEPARATOR = '\u001f';
const LAST_DATE_MS = Date.UTC(9999, 11, 31);
const DAY_MS = 86_400_000;

const INDEX_OF_ACTION = new Map(ACTION_NAMES.map((name, index) => [name, index]));
/** Index of the value of `action` by number of the protobuf enum. */
const CODE_OF_ACTION: readonly number[] = codesOfActions();

const E = Object.fromEntries(
  [...TABLES.events.columns.map(({ name }) => name), 'day', 'action'].map((name, index) => [name, index]),
);
const D = Object.fromEntries(
  [...TABLES.decided.columns.map(({ name }) => name), 'day'].map((name, index) => [name, index]),
);

/** Types of the tables that rows are gathered in, which are those of the lake but for the partitions and lists. */
const STAGED: Readonly<Record<TableName, readonly (readonly [string, WriterType])[]>> = {
  events: [
    ...TABLES.events.columns.map(({ name, type }) => [name, writerType(type)] as const),
    ['day', 'integer'],
    ['action', { values: ACTION_NAMES }],
  ],
  decided: [
    ...TABLES.decided.columns.map(({ name, type }) => [name, writerType(type)] as const),
    ['day', 'integer'],
  ],
};

/** The SELECT that gives a staged table's rows as the lake's files hold them, partitions last. */
export function stagedSelect(table: TableName, staged: string): string {
  const columns = TABLES[table].columns.map(({ name, type }) =>
    type === 'VARCHAR[]' ? `string_split(${quoted(name)}, chr(31)) AS ${quoted(name)}` : quoted(name),
  );
  const partitions = TABLES[table].partitions.map((name) =>
    name === 'date' ? `CAST(DATE '1970-01-01' + day AS VARCHAR) AS date` : quoted(name),
  );
  return `SELECT ${[...columns, ...partitions].join(', ')} FROM ${staged}`;
}

/** Rows of the lake's tables, gathered in tables of DuckDB `events<suffix>` and `decided<suffix>`. */
export class EventRows {
  readonly #events: ColumnWriter;
  readonly #decided: ColumnWriter;
  readonly #scanner = new FeedbackScanner();
  readonly #encoder = new TextEncoder();
  /** Bytes of payloads added. */
  bytes = 0;

  private constructor(events: ColumnWriter, decided: ColumnWriter) {
    this.#events = events;
    this.#decided = decided;
  }

  /** Makes the tables, empty. */
  static async open(connection: DuckDBConnection, suffix: string): Promise<EventRows> {
    const writers: ColumnWriter[] = [];
    for (const table of ['events', 'decided'] as const) {
      const name = `${table}${suffix}`;
      const columns = STAGED[table].map(([column, type]) => `${quoted(column)} ${sqlType(type)}`);
      await connection.run(`CREATE OR REPLACE TABLE ${name} (${columns.join(', ')})`);
      writers.push(
        await ColumnWriter.open(
          connection,
          name,
          STAGED[table].map(([, type]) => type),
        ),
      );
    }
    return new EventRows(writers[0], writers[1]);
  }

  /** Rows of the events table. */
  get events(): number {
    return this.#events.rows;
  }

  /** Rows of the decided table. */
  get decided(): number {
    return this.#decided.rows;
  }

  /** Takes an encoded event in. One that was erased and is empty gives no row, nor does a person's being forgotten. */
  add(offset: number, payload: Uint8Array): void {
    this.bytes += payload.length;
    if (payload.length === 0) return;
    const scanner = this.#scanner;
    if (scanner.scan(payload) && CODE_OF_ACTION[scanner.action] !== undefined)
      this.#feedback(offset, payload);
    else this.#decoded(offset, payload);
  }

  /** Hands what was added to DuckDB. */
  flush(): void {
    this.#events.flush();
    this.#decided.flush();
  }

  /** Makes all rows visible in the tables. */
  close(): void {
    this.#events.close();
    this.#decided.close();
  }

  #feedback(offset: number, payload: Uint8Array): void {
    const { starts, ends, timeMs, action, value, position, propensity } = this.#scanner;
    const events = this.#events;
    this.#head(offset, timeMs, CODE_OF_ACTION[action]);
    events.setBytes(E.event_id, payload, starts[Text.eventId], ends[Text.eventId]);
    events.setBytes(E.user_id, payload, starts[Text.userId], ends[Text.userId]);
    events.setBytes(E.item_id, payload, starts[Text.itemId], ends[Text.itemId]);
    events.setBytes(E.request_id, payload, starts[Text.requestId], ends[Text.requestId]);
    events.setBytes(E.device, payload, starts[Text.device], ends[Text.device]);
    events.setBytes(E.locale, payload, starts[Text.locale], ends[Text.locale]);
    events.setBytes(E.surface, payload, starts[Text.surface], ends[Text.surface]);
    events.setBytes(E.region, payload, starts[Text.region], ends[Text.region]);
    if (!Number.isNaN(value)) events.setNumber(E.value, value);
    events.setNumber(E.position, position);
    events.setNumber(E.propensity, propensity);
    events.endRow();
  }

  #decoded(offset: number, payload: Uint8Array): void {
    const event = decodeEvent(payload);
    const { feedback, decision, catalogue, user } = event;
    if (event.forgotten !== undefined) return;
    const events = this.#events;
    this.#head(offset, event.timeMs, codeOf(event));
    this.#text(E.event_id, event.eventId);
    this.#text(E.user_id, feedback?.userId ?? decision?.userId ?? user?.id ?? '');
    this.#text(E.item_id, feedback?.itemId ?? catalogue?.upsert?.id ?? '');
    this.#text(E.request_id, feedback?.requestId ?? decision?.requestId ?? '');
    const context = feedback?.context ?? decision?.context;
    for (const name of ['device', 'locale', 'surface', 'region'] as const)
      this.#text(E[name], context?.[name] ?? '');
    if (feedback !== undefined) {
      if (feedback.value !== undefined) events.setNumber(E.value, feedback.value);
      events.setNumber(E.position, feedback.position);
      events.setNumber(E.propensity, feedback.propensity);
      this.#text(E.categories, feedback.categories.join(CATEGORY_SEPARATOR));
    }
    events.setBytes(E.record, payload, 0, payload.length);
    events.endRow();
    if (decision !== undefined) this.#decision(offset, event.timeMs, decision);
  }

  #head(offset: number, timeMs: number, action: number): void {
    this.#events.setNumber(E.offset, offset);
    this.#events.setNumber(E.time_ms, timeMs);
    this.#events.setNumber(E.day, dayOf(timeMs));
    this.#events.setNumber(E.action, action);
  }

  #text(column: number, text: string): void {
    if (text === '') return;
    const bytes = this.#encoder.encode(text);
    this.#events.setBytes(column, bytes, 0, bytes.length);
  }

  #decision(offset: number, timeMs: number, decision: Decision): void {
    const request = this.#encoder.encode(decision.requestId);
    const user = this.#encoder.encode(decision.userId);
    const row = (item: DecidedItem, slot: number): void => {
      const decided = this.#decided;
      const id = this.#encoder.encode(item.itemId);
      const scores = this.#encoder.encode(scoresText(item.scores));
      decided.setNumber(D.offset, offset);
      decided.setNumber(D.time_ms, timeMs);
      decided.setNumber(D.day, dayOf(timeMs));
      decided.setBytes(D.request_id, request, 0, request.length);
      decided.setBytes(D.user_id, user, 0, user.length);
      decided.setBytes(D.item_id, id, 0, id.length);
      decided.setNumber(D.slot, slot);
      decided.setNumber(D.propensity, item.propensity);
      decided.setNumber(D.sample_probability, decision.sampleProbability);
      decided.setBytes(D.features, item.features, 0, item.features.length);
      decided.setBytes(D.scores, scores, 0, scores.length);
      decided.endRow();
    };
    for (const [slot, item] of decision.shown.entries()) row(item, slot);
    for (const item of decision.sample) row(item, -1);
  }
}

/** A JSON object; dots of names are `_`, which the paths of both SQL dialects take. */
function scoresText(scores: Readonly<Record<string, number | undefined>>): string {
  return JSON.stringify(
    Object.fromEntries(Object.entries(scores).map(([name, score]) => [name.replaceAll('.', '_'), score])),
  );
}

/** Days since 1970 in UTC, at most the year 9999. */
function dayOf(timeMs: number): number {
  return Math.floor(Math.min(Math.max(timeMs, 0), LAST_DATE_MS) / DAY_MS);
}

function codeOf({ feedback, decision, catalogue, user }: Event): number {
  const other = (name: (typeof OTHER_ACTIONS)[number]): number => INDEX_OF_ACTION.get(name) as number;
  if (feedback !== undefined) return CODE_OF_ACTION[feedback.action] ?? other('unknown');
  if (decision !== undefined) return other('decision');
  if (catalogue !== undefined) return other('catalogue');
  return other(user === undefined ? 'unknown' : 'user');
}

function codesOfActions(): number[] {
  const codes: number[] = [];
  for (const [name, action] of ACTION_BY_NAME) codes[action] = INDEX_OF_ACTION.get(name) as number;
  return codes;
}

function writerType(type: string): WriterType {
  const types: Record<string, WriterType> = {
    BIGINT: 'bigint',
    INTEGER: 'integer',
    REAL: 'float',
    BLOB: 'bytes',
  };
  return types[type] ?? 'text';
}

function sqlType(type: WriterType): string {
  if (typeof type === 'object') return `ENUM(${type.values.map((value) => `'${value}'`).join(', ')})`;
  return { bigint: 'BIGINT', integer: 'INTEGER', float: 'REAL', text: 'VARCHAR', bytes: 'BLOB' }[type];
}
