import {
  AthenaClient,
  GetQueryExecutionCommand,
  GetQueryResultsCommand,
  type QueryExecution,
  type ResultSet,
  StartQueryExecutionCommand,
  StopQueryExecutionCommand,
} from '@aws-sdk/client-athena';
import { pause } from '../clock.ts';
import { MillraceError } from '../errors.ts';
import { type AthenaConfig, clientSettings } from './config.ts';
import type { QueryParameters } from './duck-db.ts';
import { type LakeColumn, LakeColumns } from './lake-columns.ts';

const POLL_MS = 200;
const POLL_MS_MAX = 5_000;
const ATTEMPTS_MAX = 4;
const PAGE_ROWS = 1_000;
const WHOLE: ReadonlyMap<string, typeof Int32Array | typeof Int16Array | typeof Int8Array> = new Map<
  string,
  typeof Int32Array | typeof Int16Array | typeof Int8Array
>([
  ['integer', Int32Array],
  ['smallint', Int16Array],
  ['tinyint', Int8Array],
]);
const WIDE = new Set(['bigint', 'double', 'decimal', 'boolean']);

/** Amazon Athena over the tables of a lake on S3. */
export class Athena {
  readonly #client: AthenaClient;
  readonly #config: AthenaConfig;

  constructor(config: AthenaConfig) {
    this.#config = config;
    this.#client = new AthenaClient({ ...clientSettings(config), maxAttempts: ATTEMPTS_MAX });
  }

  /**
   * Starts the query, polls until it has ended, and pages through its rows; `signal` cancels it in Athena too. QUERY_FAILED with
   * Athena's reason, LAKE_UNAVAILABLE where Athena cannot be reached, CANCELLED.
   */
  async query(sql: string, parameters: QueryParameters = [], signal?: AbortSignal): Promise<LakeColumns> {
    const id = await this.#start(sql, parameters, signal);
    const execution = await this.#ended(id, signal);
    const { State, StateChangeReason } = execution.Status ?? {};
    if (State !== 'SUCCEEDED')
      throw new MillraceError('QUERY_FAILED', `athena: query ${id}: ${StateChangeReason ?? State}`);
    return this.#rows(id, execution.Statistics?.DataScannedInBytes ?? 0, signal);
  }

  async #start(sql: string, parameters: QueryParameters, signal?: AbortSignal): Promise<string> {
    const { database, workGroup, resultLocation } = this.#config;
    const { QueryExecutionId } = await asked(signal, (options) =>
      this.#client.send(
        new StartQueryExecutionCommand({
          QueryString: sql,
          QueryExecutionContext: { Database: database },
          WorkGroup: workGroup,
          ...(resultLocation === undefined
            ? {}
            : { ResultConfiguration: { OutputLocation: resultLocation } }),
          ...(parameters.length === 0 ? {} : { ExecutionParameters: parameters.map(literal) }),
        }),
        options,
      ),
    );
    return QueryExecutionId as string;
  }

  async #ended(id: string, signal?: AbortSignal): Promise<QueryExecution> {
    try {
      for (let waitMs = POLL_MS; ; waitMs = Math.min(waitMs * 1.5, POLL_MS_MAX)) {
        const { QueryExecution: execution = {} } = await asked(signal, (options) =>
          this.#client.send(new GetQueryExecutionCommand({ QueryExecutionId: id }), options),
        );
        if (!['QUEUED', 'RUNNING'].includes(execution.Status?.State ?? '')) return execution;
        await pause(waitMs, signal);
      }
    } catch (error) {
      if (signal?.aborted)
        await this.#client.send(new StopQueryExecutionCommand({ QueryExecutionId: id })).catch(() => {});
      throw error;
    }
  }

  async #rows(id: string, bytesScanned: number, signal?: AbortSignal): Promise<LakeColumns> {
    const cells: (string | undefined)[][] = [];
    let columns: readonly { Name?: string | undefined; Type?: string | undefined }[] = [];
    let token: string | undefined;
    let count = -1;
    do {
      const page = await asked(signal, (options) =>
        this.#client.send(
          new GetQueryResultsCommand({ QueryExecutionId: id, MaxResults: PAGE_ROWS, NextToken: token }),
          options,
        ),
      );
      columns = page.ResultSet?.ResultSetMetadata?.ColumnInfo ?? columns;
      count += gather(page.ResultSet, cells, count < 0);
      token = page.NextToken;
    } while (token !== undefined);
    const typed = columns.map(({ Name = '', Type = '' }, i): [string, LakeColumn] => [
      Name,
      columnOf(Name, Type, cells[i] ?? []),
    ]);
    return new LakeColumns(new Map(typed), Math.max(count, 0), bytesScanned);
  }
}

/** Adds a page's rows column by column; the first row of the first page is the names. */
function gather(page: ResultSet | undefined, cells: (string | undefined)[][], first: boolean): number {
  const rows = page?.Rows ?? [];
  for (const row of first ? rows.slice(1) : rows)
    for (const [i, { VarCharValue }] of (row.Data ?? []).entries()) {
      cells[i] ??= [];
      cells[i].push(VarCharValue);
    }
  return rows.length;
}

/** Cells of an Athena type as the column that DuckDB would give. */
function columnOf(name: string, type: string, cells: readonly (string | undefined)[]): LakeColumn {
  const number = (cell: string | undefined): number => {
    if (cell === undefined) return Number.NaN;
    if (cell === 'true' || cell === 'false') return Number(cell === 'true');
    return Number(cell);
  };
  const whole = WHOLE.get(type);
  if (whole !== undefined && !cells.includes(undefined)) return whole.from(cells.map(number));
  if (type === 'float' || type === 'real') return Float32Array.from(cells, number);
  if (whole !== undefined || WIDE.has(type)) return Float64Array.from(cells, number);
  if (type === 'varbinary')
    return cells.map((cell) => (cell === undefined ? null : Buffer.from(cell.replaceAll(' ', ''), 'hex')));
  if (/^(array|map|row)/.test(type))
    throw new MillraceError(
      'QUERY_FAILED',
      `athena: column ${name} is of type ${type}: unnest it in the query`,
    );
  return cells.map((cell) => cell ?? null);
}

/** A parameter as Athena wants it: a literal of SQL. */
function literal(value: string | number): string {
  return typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
}

async function asked<T>(
  signal: AbortSignal | undefined,
  request: (options: { abortSignal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await request(signal === undefined ? {} : { abortSignal: signal });
  } catch (cause) {
    if (signal?.aborted) throw new MillraceError('CANCELLED', 'the query was cancelled', { cause });
    const { $fault, name, message } = cause as Error & { $fault?: string };
    const reason =
      $fault === 'client' && !/Throttl|TooManyRequests/.test(name) ? 'QUERY_FAILED' : 'LAKE_UNAVAILABLE';
    throw new MillraceError(reason, `athena: ${message || name}`, { cause });
  }
}
