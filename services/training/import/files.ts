import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isParquet } from './parquet.ts';
import { atomicKind } from './recbole.ts';
import { ImportError } from './report.ts';
import { isS3, s3Files } from './s3-files.ts';
import type { RowKind } from './table.ts';

/** One file of an import. */
export interface SourceFile {
  /** As messages name it. */
  readonly name: string;
  readonly bytes: number;
  /** Where it lies on this machine, from `open` until disposal. */
  open(): Promise<AsyncDisposable & { readonly path: string }>;
}

export type SourceFiles = Partial<Record<RowKind, readonly SourceFile[]>>;

/**
 * The files under `path`: itself if it is a file, what `s3Files` says of an `s3://` one, of a folder its RecBole atomic files, one a kind at most, or else every Parquet
 * file at any depth, in the order of their names. Names that begin with `_` or `.` are left out, as Hive and Spark do. Throws
 * `ImportError` where there is none, two of a kind, or both atomic and Parquet files.
 */
export async function filesUnder(path: string): Promise<SourceFiles> {
  if (isS3(path)) {
    const files = await s3Files(path);
    return { [atomicKind(files[0].name) ?? 'interaction']: files };
  }
  const stats = await statOf(path);
  if (!stats.isDirectory()) return { [atomicKind(path) ?? 'interaction']: [localFile(path, stats.size)] };
  const names = (await readdir(path)).sort();
  const atomic: Partial<Record<RowKind, SourceFile[]>> = {};
  for (const name of names) {
    const kind = atomicKind(name);
    if (kind === undefined) continue;
    const file = join(path, name);
    const other = atomic[kind]?.[0].name;
    if (other !== undefined)
      throw new ImportError(`${path}: both ${other} and ${file} hold rows of one kind (${kind}); name one`);
    atomic[kind] = [localFile(file, (await statOf(file)).size)];
  }
  const parquet = await parquetUnder(path);
  const hasAtomic = Object.keys(atomic).length > 0;
  if (!hasAtomic && parquet.length === 0)
    throw new ImportError(`${path}: holds no .inter, .item, .user or .parquet file`);
  if (hasAtomic && parquet.length > 0)
    throw new ImportError(`${path}: holds both RecBole files and ${parquet[0].name}; name one of them`);
  return hasAtomic ? atomic : { interaction: parquet };
}

async function parquetUnder(folder: string): Promise<SourceFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found: SourceFile[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (/^[_.]/.test(entry.name)) continue;
    if (entry.isDirectory()) found.push(...(await parquetUnder(path)));
    else if (isParquet(entry.name)) found.push(localFile(path, (await statOf(path)).size));
  }
  return found;
}

function localFile(path: string, bytes: number): SourceFile {
  return { name: path, bytes, open: async () => ({ path, [Symbol.asyncDispose]: async () => {} }) };
}

async function statOf(path: string): Promise<{ size: number; isDirectory(): boolean }> {
  try {
    return await stat(path);
  } catch (error) {
    throw new ImportError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}
