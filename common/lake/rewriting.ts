import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decodeEvent } from '../log/events.ts';
import { namesFriend } from '../users/friends.ts';
import { type DuckDb, sqlText } from './duck-db.ts';
import type { LakeFile, Replacement } from './manifest.ts';
import { TABLES } from './schema.ts';
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
  const paths = await parts.storage.localPaths(files);
  const named = await rowsNaming(
    parts.db,
    paths.filter((_, i) => files[i].key.includes('/action=user/')),
    userId,
    beforeOffset,
  );
  const own = `(user_id = ${sqlText(userId)} AND "offset" < ${beforeOffset})`;
  const gone = `coalesce(${own}${named.length === 0 ? '' : ` OR ("offset" IN (${named.join(', ')}))`}, false)`;
  const rows = new Map<string, number>();
  for (const { name } of Object.values(TABLES))
    for (const [path, count] of await rowsByFile(
      parts.db,
      paths.filter((_, i) => files[i].key.startsWith(`${name}/`)),
      gone,
    ))
      rows.set(path, count);
  const rewritten: Rewritten[] = [];
  for (const [i, file] of files.entries()) {
    const count = rows.get(paths[i]);
    if (count === undefined) continue;
    const kept = `SELECT * FROM ${sourceOf([paths[i]])} WHERE NOT ${gone}`;
    const by = count === file.rows ? null : await writeDraft(parts, file, kept, file.rows - count);
    rewritten.push({ key: file.key, by, rows: count });
    progress(rewritten.length, rows.size);
  }
  return rewritten;
}

function sourceOf(paths: readonly string[], options = ''): string {
  return `read_parquet([${paths.map(sqlText).join(', ')}], hive_partitioning = false${options})`;
}

/** By path of a file: how many of its rows meet a condition; files without any are left out. */
async function rowsByFile(
  db: DuckDb,
  paths: readonly string[],
  condition: string,
): Promise<Map<string, number>> {
  if (paths.length === 0) return new Map();
  const counted = await db.query(
    `SELECT filename, CAST(count(*) AS INTEGER) AS n FROM ${sourceOf(paths, ', filename = true')} WHERE ${condition} GROUP BY filename`,
  );
  const counts = counted.numbers('n');
  return new Map(counted.texts('filename').map((path, i) => [path, counts[i]]));
}

/** Offsets of attributes of other users that name the user as a friend. */
async function rowsNaming(
  db: DuckDb,
  paths: readonly string[],
  userId: string,
  beforeOffset: number,
): Promise<number[]> {
  if (paths.length === 0) return [];
  const pattern = sqlText(`%${Buffer.from(userId).toString('hex').toUpperCase()}%`);
  const found = await db.query(
    `SELECT CAST("offset" AS DOUBLE) AS at, record FROM ${sourceOf(paths)} WHERE "offset" < ${beforeOffset} AND hex(record) LIKE ${pattern}`,
  );
  const records = found.column('record') as Uint8Array[];
  return [...found.numbers('at')].filter((_, row) => {
    const { user } = decodeEvent(records[row]);
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
