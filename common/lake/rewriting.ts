import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decodeEvent } from '../log/events.ts';
import { namesFriend } from '../users/friends.ts';
import { type DuckDb, sqlText } from './duck-db.ts';
import type { LakeFile, Replacement } from './manifest.ts';
import type { LakeStorage } from './storage.ts';

/** What rewriting needs of the roller. */
export interface RewriteParts {
  readonly db: DuckDb;
  readonly storage: LakeStorage;
  /** Folder of this machine in which drafts lie under their keys. */
  readonly drafts: string;
  /** Of the commit to come; makes names unique. */
  readonly sequence: number;
}

/** A replacement whose draft is written, and the rows that it leaves out. */
export interface Rewritten extends Replacement {
  readonly rows: number;
}

/** Takes how many files of how many were looked through. */
export type ReplaceProgress = (done: number, all: number) => void;

const KEPT_ACTIONS = ['catalogue', 'user'];

/** Whether the file holds what people did or were shown on days before the date: catalogue and attributes of users are kept. */
export function isBehaviourBefore(key: string, date: string): boolean {
  const day = /\/date=([^/]+)\//.exec(key)?.[1];
  const action = /\/action=([^/]+)\//.exec(key)?.[1];
  return day !== undefined && day < date && !KEPT_ACTIONS.includes(action ?? '');
}

/** Looks through every file for rows of a person before an offset, and writes drafts of those that have some, without them. */
export async function filesWithout(
  parts: RewriteParts,
  files: readonly LakeFile[],
  userId: string,
  beforeOffset: number,
  progress: ReplaceProgress = () => {},
): Promise<Rewritten[]> {
  const rewritten: Rewritten[] = [];
  for (const [i, file] of files.entries()) {
    const [path] = await parts.storage.localPaths([file]);
    const source = `read_parquet(${sqlText(path)}, hive_partitioning = false)`;
    const own = `(user_id = ${sqlText(userId)} AND "offset" < ${beforeOffset})`;
    const named = await rowsNaming(parts.db, file.key, source, userId, beforeOffset);
    const gone = named.length === 0 ? own : `(${own} OR "offset" IN (${named.join(', ')}))`;
    const counted = await parts.db.query(
      `SELECT CAST(count(*) AS INTEGER) AS n FROM ${source} WHERE coalesce(${gone}, false)`,
    );
    const rows = counted.numbers('n')[0];
    if (rows > 0) {
      const kept = `SELECT * FROM ${source} WHERE NOT coalesce(${gone}, false)`;
      const by = rows === file.rows ? null : await writeDraft(parts, file, kept, file.rows - rows);
      rewritten.push({ key: file.key, by, rows });
    }
    progress(i + 1, files.length);
  }
  return rewritten;
}

/** Offsets of attributes of other users that name the user as a friend. */
async function rowsNaming(
  db: DuckDb,
  key: string,
  source: string,
  userId: string,
  beforeOffset: number,
): Promise<number[]> {
  if (!key.includes('/action=user/')) return [];
  const pattern = sqlText(`%${Buffer.from(userId).toString('hex').toUpperCase()}%`);
  const found = await db.query(
    `SELECT CAST("offset" AS DOUBLE) AS at, record FROM ${source} WHERE "offset" < ${beforeOffset} AND hex(record) LIKE ${pattern}`,
  );
  const records = found.column('record') as (Uint8Array | null)[];
  return [...found.numbers('at')].filter((_, row) => {
    const user = decodeEvent(records[row] as Uint8Array).user;
    return user !== undefined && namesFriend(user.attributes, userId);
  });
}

async function writeDraft(
  { db, drafts, sequence }: RewriteParts,
  file: LakeFile,
  select: string,
  rows: number,
): Promise<LakeFile> {
  const key = file.key.replace(/(\.r\d+)?\.parquet$/, `.r${sequence}.parquet`);
  const path = join(drafts, key);
  await mkdir(dirname(path), { recursive: true });
  await db.run(`COPY (${select}) TO ${sqlText(path)} (FORMAT parquet, COMPRESSION zstd)`);
  return { key, bytes: (await stat(path)).size, rows };
}
