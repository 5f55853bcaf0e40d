import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBValue,
} from '@duckdb/node-api';
import { MillraceError } from '../errors.ts';
import type { LakeColumns } from './lake-columns.ts';
import { columnsOfResult } from './result-columns.ts';

/** What `?` in a query stands for, in order. */
export type QueryParameters = readonly (string | number)[];

export interface DuckDbOptions {
  /** Memory that queries may take before they spill to `temporaryFolder`, MB. Default: 1,024. */
  readonly memoryMb?: number;
  /** Default: DuckDB's, a folder beside the working one. */
  readonly temporaryFolder?: string;
}

/** DuckDB in this process, in memory, without extensions from the network. Queries run beside the main thread. */
export class DuckDb implements Disposable {
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  static async open({ memoryMb = 1_024, temporaryFolder }: DuckDbOptions = {}): Promise<DuckDb> {
    const options: Record<string, string> = {
      memory_limit: `${memoryMb}MB`,
      autoinstall_known_extensions: 'false',
    };
    if (temporaryFolder !== undefined) options.temp_directory = temporaryFolder;
    return new DuckDb(await DuckDBInstance.create(':memory:', options));
  }

  /** The rows of one statement. QUERY_FAILED with what DuckDB says; CANCELLED when `signal` aborts. */
  query(sql: string, parameters: QueryParameters = [], signal?: AbortSignal): Promise<LakeColumns> {
    return this.connected(
      async (connection) => columnsOfResult(await connection.stream(sql, [...parameters] as DuckDBValue[])),
      signal,
    );
  }

  /** Runs statements for their effect. Fails as `query` does. */
  async run(sql: string, signal?: AbortSignal): Promise<void> {
    await this.connected((connection) => connection.run(sql), signal);
  }

  /** Hands a connection of its own to `work`, for as long as that takes. Fails as `query` does. */
  async connected<T>(work: (connection: DuckDBConnection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const connection = await this.#instance.connect();
    const interrupt = (): void => connection.interrupt();
    signal?.addEventListener('abort', interrupt, { once: true });
    try {
      signal?.throwIfAborted();
      return await work(connection);
    } catch (cause) {
      if (signal?.aborted) throw new MillraceError('CANCELLED', 'the query was cancelled', { cause });
      throw queryError(cause);
    } finally {
      signal?.removeEventListener('abort', interrupt);
      connection.closeSync();
    }
  }

  /** The chunks of a query's answer; each is valid until the next one is asked for. Fails as `query` does. */
  async *chunks(sql: string): AsyncIterable<DuckDBDataChunk> {
    const connection = await this.#instance.connect();
    try {
      const result = await connection.stream(sql);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return;
        yield chunk;
      }
    } catch (cause) {
      throw queryError(cause);
    } finally {
      connection.closeSync();
    }
  }

  [Symbol.dispose](): void {
    this.#instance.closeSync();
  }
}

function queryError(cause: unknown): MillraceError {
  if (cause instanceof MillraceError) return cause;
  return new MillraceError('QUERY_FAILED', (cause as Error).message, { cause });
}

/** `text` as a string literal of SQL. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
