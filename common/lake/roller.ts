import { mkdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { MillraceError } from '../errors.ts';
import { makeDirectory } from '../log/durable-files.ts';
import { LogLockedError } from '../log/errors.ts';
import type { ReadLimits, RecordBatch } from '../log/log-reader.ts';
import { OwnerLock } from '../log/owner-lock.ts';
import type { LakeConfig } from './config.ts';
import { DuckDb, sqlText } from './duck-db.ts';
import { EventRows, stagedSelect } from './event-rows.ts';
import { damaged } from './local-storage.ts';
import { type Commit, type LakeFile, Manifest, padded } from './manifest.ts';
import { openStorage } from './open-storage.ts';
import {
  filesWithout,
  isBehaviourBefore,
  type ReplaceProgress,
  type RewriteParts,
  type Rewritten,
} from './rewriting.ts';
import { TABLES, type TableName } from './schema.ts';
import type { LakeStorage } from './storage.ts';

/** A log as the roller reads it. */
export interface RolledLog {
  readonly firstOffset: number;
  readonly endOffset: number;
  read(fromOffset: number, limits?: ReadLimits): Promise<RecordBatch>;
}

export interface RollOptions {
  /** Ends the rolling after what is being committed. */
  readonly signal?: AbortSignal;
  /** Called after each commit. */
  readonly progress?: (commit: Commit) => void | Promise<void>;
}

/** Little enough at once that whoever shares the thread does not wait for it. */
const READ_LIMITS: ReadLimits = { recordsMax: 2_048, bytesMax: 1024 * 1024 };
const ROW_GROUP_ROWS = 122_880;

/**
 * Takes a log into the lake, commit by commit. Of a commit the files are written beside the lake, then named durably in a plan,
 * then placed, then committed to the manifest: what is cut off in between is undone at the next opening, so that also a reader
 * that lists the folders finds each event once.
 */
export class Roller implements AsyncDisposable {
  readonly manifest: Manifest;
  readonly #config: LakeConfig;
  readonly #storage: LakeStorage;
  readonly #db: DuckDb;
  readonly #lock: OwnerLock;
  readonly #drafts: string;
  #turns = 0;

  private constructor(
    config: LakeConfig,
    parts: { storage: LakeStorage; manifest: Manifest; db: DuckDb; lock: OwnerLock; drafts: string },
  ) {
    this.#config = config;
    this.manifest = parts.manifest;
    this.#storage = parts.storage;
    this.#db = parts.db;
    this.#lock = parts.lock;
    this.#drafts = parts.drafts;
  }

  /** LAKE_BUSY while another process rolls, LAKE_DAMAGED naming a file in the tables' folders that is not the lake's. Undoes what an earlier one left half done. */
  static async open(config: LakeConfig): Promise<Roller> {
    const folder = join(config.folder, '.rolling');
    await makeDirectory(folder);
    const lock = await acquire(folder);
    try {
      const drafts = join(folder, 'drafts');
      for (const left of [drafts, join(folder, 'spilled')]) await rm(left, { recursive: true, force: true });
      const storage = await openStorage(config);
      const manifest = await Manifest.read(storage);
      await undoAbandoned(storage, manifest);
      await refuseForeign(storage, manifest);
      const db = await DuckDb.open({ memoryMb: config.memoryMb, temporaryFolder: join(folder, 'spilled') });
      return new Roller(config, { storage, manifest, db, lock, drafts });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Takes in what the log holds now, and answers the lake's end. OFFSET_TRUNCATED if the log has lost events that the lake does
   * not have; FIELD_INVALID if the lake has events that the log never had.
   */
  async roll(log: RolledLog, { signal, progress }: RollOptions = {}): Promise<number> {
    this.#checkLog(log);
    let at = this.manifest.commits.length === 0 ? log.firstOffset : this.manifest.endOffset;
    let committing = Promise.resolve();
    try {
      while (at < log.endOffset && !signal?.aborted) {
        const gathered = await this.#gather(log, at);
        await committing;
        committing = this.#commit(gathered).then((commit) => progress?.(commit));
        committing.catch(() => {});
        at = gathered.untilOffset;
      }
    } finally {
      await committing;
    }
    return this.manifest.endOffset;
  }

  /**
   * Takes a person out: rows about them and rows that name them as a friend, of events before an offset. Answers how many rows that
   * were. Files that hold others too are written anew; whoever reads the lake as it was before may find files gone.
   */
  async forget(userId: string, beforeOffset: number, progress?: ReplaceProgress): Promise<number> {
    const { files } = this.manifest;
    return this.#replace(await filesWithout(this.#parts(), files, userId, beforeOffset, progress));
  }

  /** Drops what people did and what they were shown before a date, as `2026-11-01`; answers how many rows that were. */
  async dropBefore(date: string): Promise<number> {
    const old = this.manifest.files.filter(({ key }) => isBehaviourBefore(key, date));
    return this.#replace(old.map((file) => ({ key: file.key, by: null, rows: file.rows })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db[Symbol.dispose]();
    await rm(this.#drafts, { recursive: true, force: true });
    await this.#lock.release();
  }

  #parts(): RewriteParts {
    return {
      db: this.#db,
      storage: this.#storage,
      drafts: this.#drafts,
      sequence: this.manifest.commits.length,
    };
  }

  /** Commits replacements whose drafts are written; readers that list folders may find rows twice until it is done. */
  async #replace(rewritten: readonly Rewritten[]): Promise<number> {
    if (rewritten.length === 0) return 0;
    const { endOffset } = this.manifest;
    const replaced = rewritten.map(({ key, by }) => ({ key, by }));
    const commit = { fromOffset: endOffset, untilOffset: endOffset, files: [], replaced };
    await this.manifest.plan(commit);
    const placed = replaced.flatMap(({ by }) => (by === null ? [] : [by.key]));
    await this.#storage.place(placed.map((key) => ({ key, path: join(this.#drafts, key) })));
    await this.manifest.commit(commit);
    await this.#storage.remove(replaced.map(({ key }) => key));
    await this.manifest.forgetPlan();
    return rewritten.reduce((sum, { rows }) => sum + rows, 0);
  }

  #checkLog(log: RolledLog): void {
    const { commits, endOffset } = this.manifest;
    if (commits.length === 0) return;
    if (endOffset < log.firstOffset) {
      const what = `the lake ends at offset ${endOffset}, and the log begins at ${log.firstOffset}`;
      throw new MillraceError('OFFSET_TRUNCATED', `${what}: events in between are lost`);
    }
    if (endOffset > log.endOffset) {
      const what = `the lake ends at offset ${endOffset}, and the log at ${log.endOffset}`;
      throw new MillraceError('LAKE_DAMAGED', `${what}: it is a lake of another log`);
    }
  }

  /** Rows of the next commit, in tables of DuckDB. */
  async #gather(log: RolledLog, fromOffset: number): Promise<Gathered> {
    const { eventsMax, bytesMax } = this.#config.commit;
    const suffix = `_${this.#turns++ % 2}`;
    return this.#db.connected(async (connection) => {
      const rows = await EventRows.open(connection, suffix);
      let at = fromOffset;
      while (at < log.endOffset && at - fromOffset < eventsMax && rows.bytes < bytesMax) {
        const recordsMax = Math.min(READ_LIMITS.recordsMax as number, eventsMax - (at - fromOffset));
        const { payloads } = await log.read(at, { ...READ_LIMITS, recordsMax });
        for (let i = 0; i < payloads.length; i++) rows.add(at + i, payloads[i]);
        rows.flush();
        at += payloads.length;
      }
      rows.close();
      return { fromOffset, untilOffset: at, suffix, rows: { events: rows.events, decided: rows.decided } };
    });
  }

  async #commit({ fromOffset, untilOffset, suffix, rows }: Gathered): Promise<Commit> {
    const name = `${padded(fromOffset)}-${padded(untilOffset)}`;
    const folder = join(this.#drafts, name);
    await mkdir(folder, { recursive: true });
    const files: LakeFile[] = [];
    for (const table of ['events', 'decided'] as const)
      if (rows[table] > 0) files.push(...(await this.#write(table, suffix, folder, name)));
    const commit = { fromOffset, untilOffset, files };
    await this.manifest.plan(commit);
    await this.#storage.place(files.map(({ key }) => ({ key, path: join(folder, key) })));
    await this.manifest.commit(commit);
    await this.manifest.forgetPlan();
    await rm(folder, { recursive: true, force: true });
    return commit;
  }

  /** Writes a staged table's files, whose keys are their paths below `folder`. */
  async #write(table: TableName, suffix: string, folder: string, name: string): Promise<LakeFile[]> {
    const target = join(folder, table);
    const options = [
      'FORMAT parquet',
      'COMPRESSION zstd',
      `ROW_GROUP_SIZE ${ROW_GROUP_ROWS}`,
      `PARTITION_BY (${TABLES[table].partitions.join(', ')})`,
      `FILENAME_PATTERN ${sqlText(`${name}-{i}`)}`,
      'RETURN_STATS',
    ];
    const staged = `${table}${suffix}`;
    const written = await this.#db.query(
      `COPY (${stagedSelect(table, staged)}) TO ${sqlText(target)} (${options.join(', ')})`,
    );
    await this.#db.run(`DROP TABLE ${staged}`);
    const counts = written.numbers('count');
    return Promise.all(
      written.texts('filename').map(async (path, i) => {
        const { size } = await stat(path);
        return { key: relative(folder, path), bytes: size, rows: counts[i] };
      }),
    );
  }
}

interface Gathered {
  readonly fromOffset: number;
  readonly untilOffset: number;
  readonly suffix: string;
  readonly rows: Readonly<Record<TableName, number>>;
}

async function acquire(folder: string): Promise<OwnerLock> {
  try {
    return await OwnerLock.acquire(folder);
  } catch (cause) {
    if (!(cause instanceof LogLockedError)) throw cause;
    throw new MillraceError('LAKE_BUSY', `lake: the running process ${cause.pid} rolls into it`, { cause });
  }
}

/** Removes what a roller placed and did not commit, after a commit that keeps that roller from committing it yet. */
async function undoAbandoned(storage: LakeStorage, manifest: Manifest): Promise<void> {
  const abandoned = await manifest.abandoned();
  if (abandoned.length > 0) {
    const { endOffset } = manifest;
    await manifest.commit({ fromOffset: endOffset, untilOffset: endOffset, files: [] });
    await storage.remove(abandoned);
  }
  await manifest.forgetPlan();
}

/** Whoever lists the folders would take in a file that no commit names. */
async function refuseForeign(storage: LakeStorage, manifest: Manifest): Promise<void> {
  const known = new Set(manifest.files.map(({ key }) => key));
  for (const table of Object.keys(TABLES))
    for (const { key } of await storage.list(`${table}/`))
      if (!known.has(key))
        throw damaged(`${storage.uri}/${key}`, 'it is under the lake, and the manifest does not name it');
}
