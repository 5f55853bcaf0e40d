import type { Column } from './columns.ts';
import { parseColumn } from './columns.ts';
import { readLines } from './lines.ts';
import { ImportError } from './report.ts';
import type { Dialect, RowKind, Table } from './table.ts';

/** RecBole's atomic files: lists are cut at spaces, times are seconds. */
export const RECBOLE_DIALECT: Dialect = { headed: true, separator: ' ', timeUnit: 's' };

const SUFFIXES: Record<RowKind, string> = {
  interaction: '.inter',
  item: '.item',
  user: '.user',
  friendship: '.net',
};

/** The kind of rows that an atomic file's name announces (`.inter`, `.item`, `.user`, `.net`, each also with `.gz`), if any. */
export function atomicKind(file: string): RowKind | undefined {
  const plain = file.replace(/\.gz$/, '');
  return (['interaction', 'item', 'user', 'friendship'] as const).find((kind) =>
    plain.endsWith(SUFFIXES[kind]),
  );
}

/**
 * Reads one atomic file into `table`: tab-separated, the first line `name:type` for each column
 * (https://recbole.io/docs/user_guide/data/atomic_files.html).
 */
export async function readAtomic(chunks: AsyncIterable<Buffer>, table: Table): Promise<void> {
  let started = false;
  await readLines(table.file, chunks, (text, line) => {
    if (!started) {
      started = true;
      table.header(typedHeader(table.file, text));
    } else if (text === undefined) {
      table.bad(line, 'not valid UTF-8');
    } else if (text !== '') {
      table.row(text.split('\t'), line);
    }
  });
  if (!started) throw new ImportError(`${table.file}: no header line`);
}

function typedHeader(file: string, text: string | undefined): Column[] {
  if (text === undefined) throw new ImportError(`${file}:1: the header is not valid UTF-8`);
  return text.split('\t').map((name) => {
    const column = parseColumn(name);
    if (column.type === undefined || column.name === '') {
      throw new ImportError(
        `${file}:1: column '${name}' is not name:type with type token, token_seq, float or float_seq`,
      );
    }
    return column;
  });
}
