import { tableLines } from '../../services/cli/table.ts';

/** Figures that say how a run went and not how good a model is. */
const LEFT_OUT = new Set(['bench', 'seed', 'peakRssMb']);

/** The JSON lines of a benchmark as a table: a row a line, a column for each word or number that the first line has. */
export function asTable(jsonLines: readonly string[]): string[] {
  const rows = jsonLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const titles = Object.entries(rows[0] ?? {})
    .filter(([title, value]) => ['number', 'string'].includes(typeof value) && !LEFT_OUT.has(title))
    .map(([title]) => title);
  const columns = titles.map(
    (title) => ({ title, align: typeof rows[0][title] === 'number' ? 'right' : 'left' }) as const,
  );
  return tableLines(
    columns,
    rows.map((row) => titles.map((title) => cell(title, row[title]))),
  );
}

function cell(title: string, value: unknown): string {
  if (typeof value !== 'number') return String(value ?? '');
  if (Number.isInteger(value)) return String(value);
  return title.toLowerCase().endsWith('seconds') || value >= 100 ? value.toFixed(1) : value.toFixed(4);
}
