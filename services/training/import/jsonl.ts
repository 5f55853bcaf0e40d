import type { Column } from './columns.ts';
import { readLines } from './lines.ts';
import { ImportError } from './report.ts';
import type { Dialect, Table } from './table.ts';

/** JSON Lines: keys are columns, and any row may lack any of them. Lists are arrays, or text cut at `|`. */
export const JSONL_DIALECT: Dialect = { headed: false, separator: '|', timeUnit: undefined };

const KEYS_MAX = 4096;

/**
 * Reads one JSON object a line into `table` (https://jsonlines.org). Throws `ImportError` where the rows have more than
 * 4,096 different keys.
 */
export async function readJsonl(chunks: AsyncIterable<Buffer>, table: Table): Promise<void> {
  const columns: Column[] = [];
  const positions = new Map<string, number>();
  const cells: unknown[] = [];
  table.header(columns);
  await readLines(table.file, chunks, (text, line) => {
    if (text === '') return;
    const row = parseObject(text);
    if (typeof row === 'string') {
      table.bad(line, row);
      return;
    }
    const known = columns.length;
    cells.fill(undefined);
    for (const key of Object.keys(row)) {
      let position = positions.get(key);
      if (position === undefined) {
        position = columns.push({ name: key, type: undefined }) - 1;
        if (position === KEYS_MAX)
          throw new ImportError(`${table.file}:${line}: more than ${KEYS_MAX} different keys`);
        positions.set(key, position);
      }
      cells[position] = row[key];
    }
    if (columns.length > known) table.header(columns);
    table.row(cells, line);
  });
}

/** The object, or why there is none. */
function parseObject(text: string | undefined): Record<string, unknown> | string {
  if (text === undefined) return 'not valid UTF-8';
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    return 'not a JSON object';
  } catch (error) {
    return `invalid JSON: ${(error as Error).message}`;
  }
}
