import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ColumnMap } from './columns.ts';
import { CSV_DIALECT, readCsv } from './csv.ts';
import { JSONL_DIALECT, readJsonl } from './jsonl.ts';
import { atomicKind, findAtomicFiles, RECBOLE_DIALECT, readAtomic } from './recbole.ts';
import type { ImportReport } from './report.ts';
import { ImportError, RowReport } from './report.ts';
import type { RowSink } from './rows.ts';
import { readBytes } from './source.ts';
import type { RowKind } from './table.ts';
import { Table } from './table.ts';

/** Bytes as they lie on disk, packed ones packed; `bytesTotal` is over all files of the import. */
export interface ImportProgress {
  file: string;
  bytesRead: number;
  bytesTotal: number;
}

export interface ReadOptions {
  /** A file of items, in any of the formats. */
  items?: string | undefined;
  /** A file of users, in any of the formats. */
  users?: string | undefined;
  map?: ColumnMap | undefined;
  /** Of interactions that name no action. Unset: `rating` where the row has a value, else `view`. */
  defaultAction?: string | undefined;
  /** The first bad row ends the import. */
  strict?: boolean | undefined;
  onProgress?: ((progress: ImportProgress) => void) | undefined;
}

type Read = (chunks: AsyncIterable<Buffer>, table: Table) => Promise<void>;

const KINDS: readonly RowKind[] = ['item', 'user', 'interaction'];

/**
 * Reads a data set into `sink`, in constant memory: items, then users, then interactions, each file in its order.
 *
 * `path` is a folder of RecBole atomic files, one such file, or a file of interactions; the name tells the format:
 * `.inter`, `.item`, `.user`, `.csv`, `.tsv`, `.jsonl` or `.ndjson`, each also with `.gz`. Bad rows are counted and left
 * out. Throws `ImportError`, and the sink must then discard what it got, where a file is missing, unreadable, truncated,
 * of no known format or without a column that it needs, and in strict mode on the first bad row.
 */
export async function readRows(path: string, options: ReadOptions, sink: RowSink): Promise<ImportReport> {
  const files = await findFiles(path, options);
  const report = new RowReport(options.strict === true);
  let bytesTotal = 0;
  for (const file of Object.values(files)) bytesTotal += (await statFile(file)).size;
  let bytesRead = 0;
  for (const kind of KINDS) {
    const file = files[kind];
    if (file === undefined) continue;
    const chunks = readBytes(file, (bytes) => {
      bytesRead += bytes;
      options.onProgress?.({ file, bytesRead, bytesTotal });
    });
    const { read, dialect } = format(file);
    const { map = {}, defaultAction } = options;
    await read(chunks, new Table({ file, kind, map, defaultAction, sink, report }, dialect));
  }
  return report.finish();
}

async function findFiles(path: string, options: ReadOptions): Promise<Partial<Record<RowKind, string>>> {
  const found = (await statFile(path)).isDirectory()
    ? await findAtomicFiles(path)
    : { [atomicKind(path) ?? 'interaction']: path };
  if (options.items !== undefined) found.item = options.items;
  if (options.users !== undefined) found.user = options.users;
  for (const file of Object.values(found)) format(file);
  return found;
}

function format(file: string): { read: Read; dialect: typeof CSV_DIALECT } {
  if (atomicKind(file) !== undefined) return { read: readAtomic, dialect: RECBOLE_DIALECT };
  switch (/\.(csv|tsv|jsonl|ndjson)(\.gz)?$/.exec(file)?.[1]) {
    case 'csv':
      return { read: (chunks, table) => readCsv(chunks, table, ','), dialect: CSV_DIALECT };
    case 'tsv':
      return { read: (chunks, table) => readCsv(chunks, table, '\t'), dialect: CSV_DIALECT };
    case 'jsonl':
    case 'ndjson':
      return { read: readJsonl, dialect: JSONL_DIALECT };
    default:
      throw new ImportError(
        `${file}: the name ends in none of .inter, .item, .user, .csv, .tsv, .jsonl, .ndjson (or these with .gz)`,
      );
  }
}

async function statFile(file: string): Promise<Stats> {
  try {
    return await stat(file);
  } catch (error) {
    throw new ImportError(`${file}: ${(error as Error).message}`, { cause: error });
  }
}
