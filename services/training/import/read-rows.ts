import type { ColumnMap } from './columns.ts';
import { CSV_DIALECT, readCsv } from './csv.ts';
import { filesUnder, type SourceFile, type SourceFiles } from './files.ts';
import { JSONL_DIALECT, readJsonl } from './jsonl.ts';
import { isParquet, PARQUET_DIALECT, ParquetReader } from './parquet.ts';
import { atomicKind, RECBOLE_DIALECT, readAtomic } from './recbole.ts';
import type { ImportReport } from './report.ts';
import { ImportError, RowReport } from './report.ts';
import type { RowSink } from './rows.ts';
import { readBytes } from './source.ts';
import type { Dialect, RowKind } from './table.ts';
import { Table } from './table.ts';

/** Bytes as they lie on disk, packed ones packed; `bytesTotal` is over all files of the import. */
export interface ImportProgress {
  file: string;
  bytesRead: number;
  bytesTotal: number;
}

export interface ReadOptions {
  /** A file of items in any of the formats, or a folder of Parquet files. */
  items?: string | undefined;
  /** A file of users in any of the formats, or a folder of Parquet files. */
  users?: string | undefined;
  map?: ColumnMap | undefined;
  /** Of interactions that name no action. Unset: `rating` where the row has a value, else `view`. */
  defaultAction?: string | undefined;
  /** The first bad row ends the import. */
  strict?: boolean | undefined;
  onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** Reads the file at `path` into `table`, telling how many of its bytes each step read. */
type Read = (path: string, table: Table, onBytes: (bytes: number) => void) => Promise<void>;

const KINDS: readonly RowKind[] = ['item', 'user', 'friendship', 'interaction'];

/**
 * Reads a data set into `sink`, in constant memory: items, users, friendships, then interactions, each file in its order.
 *
 * `path` is a folder of RecBole atomic files, one such file, a file of interactions, or a folder of Parquet files, at any depth,
 * whose `name=value` folders are columns. The name tells the format: `.inter`, `.item`, `.user`, `.net`, `.csv`, `.tsv`, `.jsonl` or
 * `.ndjson`, each also with `.gz`, and `.parquet` or `.pq`. Bad rows are counted and left out. Throws `ImportError`, and the sink
 * must then discard what it got, where a file is missing, unreadable, truncated, of no known format or without a column that
 * it needs, and in strict mode on the first bad row.
 */
export async function readRows(path: string, options: ReadOptions, sink: RowSink): Promise<ImportReport> {
  const files = await findFiles(path, options);
  const report = new RowReport(options.strict === true);
  const { map = {}, defaultAction } = options;
  let bytesTotal = 0;
  for (const { bytes } of Object.values(files).flat()) bytesTotal += bytes;
  let bytesRead = 0;
  await using parquet = new ParquetReader();
  for (const kind of KINDS) {
    for (const source of files[kind] ?? []) {
      const file = source.name;
      const { read, dialect } = format(source, parquet);
      await using local = await source.open();
      await read(
        local.path,
        new Table({ file, kind, map, defaultAction, sink, report }, dialect),
        (bytes) => {
          bytesRead += bytes;
          options.onProgress?.({ file, bytesRead, bytesTotal });
        },
      );
    }
  }
  return report.finish();
}

/** The files of each kind. Throws `ImportError` where one has no known format. */
async function findFiles(path: string, { items, users }: ReadOptions): Promise<SourceFiles> {
  const found = await filesUnder(path);
  const ofKind = async (at: string): Promise<readonly SourceFile[]> =>
    Object.values(await filesUnder(at)).flat();
  if (items !== undefined) found.item = await ofKind(items);
  if (users !== undefined) found.user = await ofKind(users);
  for (const file of Object.values(found).flat()) format(file);
  return found;
}

function format(file: SourceFile, parquet = new ParquetReader()): { read: Read; dialect: Dialect } {
  const { name, bytes } = file;
  if (atomicKind(name) !== undefined) return text(readAtomic, RECBOLE_DIALECT);
  if (isParquet(name)) {
    const read: Read = (path, table, onBytes) =>
      parquet.read(path, table, (share) => onBytes(Math.round(share * bytes)));
    return { read, dialect: PARQUET_DIALECT };
  }
  switch (/\.(csv|tsv|jsonl|ndjson)(\.gz)?$/.exec(name)?.[1]) {
    case 'csv':
      return text((chunks, table) => readCsv(chunks, table, ','), CSV_DIALECT);
    case 'tsv':
      return text((chunks, table) => readCsv(chunks, table, '\t'), CSV_DIALECT);
    case 'jsonl':
    case 'ndjson':
      return text(readJsonl, JSONL_DIALECT);
    default:
      throw new ImportError(
        `${name}: the name ends in none of .inter, .item, .user, .net, .csv, .tsv, .jsonl, .ndjson (or these with .gz), .parquet, .pq`,
      );
  }
}

function text(
  parse: (chunks: AsyncIterable<Buffer>, table: Table) => Promise<void>,
  dialect: Dialect,
): { read: Read; dialect: Dialect } {
  return { read: (path, table, onBytes) => parse(readBytes(path, onBytes), table), dialect };
}
