import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { MillraceError } from '../errors.ts';
import type { LoggedEvent } from '../log/events.ts';
import type { Athena } from './athena.ts';
import type { LakeConfig } from './config.ts';
import { DuckDb, type QueryParameters, sqlText } from './duck-db.ts';
import type { LakeColumns } from './lake-columns.ts';
import { damaged } from './local-storage.ts';
import { type LakeFile, Manifest } from './manifest.ts';
import { neededFiles } from './needed-files.ts';
import { openStorage } from './open-storage.ts';
import { columnsOfResult } from './result-columns.ts';
import { eventsOfChunk, SELECT_EVENTS } from './row-events.ts';
import { type LakeTable, quoted, TABLES } from './schema.ts';
import type { LakeStorage } from './storage.ts';

/** The lake as it was when it was opened; what is committed later is not seen. */
export interface Lake extends AsyncDisposable {
  /** The first offset that the lake holds. */
  readonly firstOffset: number;
  /** One past the last committed event. */
  readonly endOffset: number;
  /** Its committed files. */
  readonly files: readonly LakeFile[];
  /**
   * The rows of one SELECT over the tables `events` and `decided`; `?` are parameters. QUERY_FAILED with what the engine says,
   * LAKE_DAMAGED naming the file, CANCELLED when `signal` aborts.
   */
  query(sql: string, parameters?: QueryParameters, signal?: AbortSignal): Promise<LakeColumns>;
  /** Whole events in offset order, from an offset until before another. */
  readEvents(fromOffset?: number, untilOffset?: number): AsyncIterable<LoggedEvent>;
}

/** Opens the lake of a configuration; see `lakeConfig`. An absent one is empty. */
export async function openLake(config: LakeConfig): Promise<Lake> {
  const storage = await openStorage(config);
  const manifest = await Manifest.read(storage);
  const db = await DuckDb.open({
    memoryMb: config.memoryMb,
    temporaryFolder: join(config.folder, '.spilled'),
  });
  const athena = config.engine === 'athena' ? await openAthena(config) : undefined;
  return new ManifestLake(storage, manifest, db, athena);
}

async function openAthena({ athena }: LakeConfig): Promise<Athena> {
  return new (await import('./athena.ts')).Athena(athena);
}

class ManifestLake implements Lake {
  readonly firstOffset: number;
  readonly endOffset: number;
  readonly files: readonly LakeFile[];
  readonly #storage: LakeStorage;
  readonly #manifest: Manifest;
  readonly #db: DuckDb;
  readonly #athena: Athena | undefined;

  constructor(storage: LakeStorage, manifest: Manifest, db: DuckDb, athena: Athena | undefined) {
    this.firstOffset = manifest.firstOffset;
    this.endOffset = manifest.endOffset;
    this.files = manifest.files;
    this.#storage = storage;
    this.#manifest = manifest;
    this.#db = db;
    this.#athena = athena;
  }

  async query(sql: string, parameters: QueryParameters = [], signal?: AbortSignal): Promise<LakeColumns> {
    if (this.#athena !== undefined) return this.#athena.query(sql, parameters, signal);
    const values = [...parameters];
    const answered = this.#db.connected(async (connection) => {
      await this.#makeViews(connection, this.files, (files) => this.#storage.outlines(files));
      const needed = await neededFiles(connection, sql, values, this.files);
      await this.#makeViews(connection, needed, (files) => this.#storage.localPaths(files));
      signal?.throwIfAborted();
      const result = await connection.stream(sql, values);
      return columnsOfResult(
        result,
        needed.reduce((sum, { bytes }) => sum + bytes, 0),
      );
    }, signal);
    return answered.catch((error) => {
      throw this.#faultOf(error);
    });
  }

  async *readEvents(fromOffset = 0, untilOffset = this.endOffset): AsyncIterable<LoggedEvent> {
    for (const commit of this.#manifest.commits) {
      const files = commit.files.filter(({ key }) => key.startsWith('events/'));
      if (commit.untilOffset <= fromOffset || commit.fromOffset >= untilOffset || files.length === 0)
        continue;
      const source = readParquet(await this.#storage.localPaths(files), TABLES.events);
      const range = `WHERE "offset" >= ${fromOffset} AND "offset" < ${untilOffset} ORDER BY "offset"`;
      yield* this.#events(`${SELECT_EVENTS} FROM ${source} ${range}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db[Symbol.dispose]();
  }

  async *#events(sql: string): AsyncIterable<LoggedEvent> {
    try {
      for await (const chunk of this.#db.chunks(sql)) yield* eventsOfChunk(chunk);
    } catch (error) {
      throw this.#faultOf(error as Error);
    }
  }

  /** Makes the tables over `files` for one connection. */
  async #makeViews(
    connection: DuckDBConnection,
    files: readonly LakeFile[],
    pathsOf: (files: readonly LakeFile[]) => Promise<string[]>,
  ): Promise<void> {
    for (const table of Object.values(TABLES)) {
      const ofTable = files.filter(({ key }) => key.startsWith(`${table.name}/`));
      if (ofTable.length > 0) await this.#storage.localPaths(ofTable.slice(0, 1));
      const source = ofTable.length === 0 ? emptyTable(table) : readParquet(await pathsOf(ofTable), table);
      const columns = [...table.columns.map(({ name }) => name), ...table.partitions].map(quoted);
      const view = `CREATE OR REPLACE TEMP VIEW ${table.name} AS SELECT ${columns.join(', ')} FROM ${source}`;
      await connection.run(view);
    }
  }

  /** An error that names one of the lake's files is about that file. */
  #faultOf(error: Error): Error {
    const file = this.files.find(({ key }) => error.message.includes(key));
    if (file === undefined || (error as MillraceError).reason === 'LAKE_DAMAGED') return error;
    return damaged(`${this.#storage.uri}/${file.key}`, error.message);
  }
}

function readParquet(paths: readonly string[], table: LakeTable): string {
  const types = table.partitions.map((name) => `${quoted(name)}: VARCHAR`).join(', ');
  return `read_parquet([${paths.map(sqlText).join(', ')}], hive_partitioning = true, hive_types = {${types}})`;
}

function emptyTable({ columns, partitions }: LakeTable): string {
  const typed = [...columns, ...partitions.map((name) => ({ name, type: 'VARCHAR' }))];
  return `(SELECT ${typed.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${quoted(name)}`).join(', ')} WHERE false)`;
}
