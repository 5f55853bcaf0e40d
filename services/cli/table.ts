/** A column of a printed table. */
export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Longer cells are cut and end in `…`. */
  readonly widthMax?: number;
  /** Applied to the padded cell, so that colours do not disturb the alignment. */
  readonly style?: (cell: string) => string;
}

const GAP = '  ';

/** Lines of a table: the titles, then one line a row, aligned, without trailing space. */
export function tableLines(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  titleStyle: (line: string) => string = (line) => line,
): string[] {
  const cut = columns.map(({ widthMax }, c) => rows.map((row) => cutTo(row[c], widthMax)));
  const widths = columns.map(({ title }, c) => Math.max(title.length, ...cut[c].map((cell) => cell.length)));
  const padded = (c: number, cell: string): string =>
    columns[c].align === 'right'
      ? cell.padStart(widths[c])
      : cell.padEnd(c === columns.length - 1 ? 0 : widths[c]);
  const titles = columns.map(({ title }, c) => padded(c, title)).join(GAP);
  const body = rows.map((_, r) =>
    columns.map(({ style = (cell) => cell }, c) => style(padded(c, cut[c][r]))).join(GAP),
  );
  return [titleStyle(titles.trimEnd()), ...body.map((line) => line.trimEnd())];
}

function cutTo(cell: string, widthMax = Number.POSITIVE_INFINITY): string {
  return cell.length <= widthMax ? cell : `${cell.slice(0, widthMax - 1)}…`;
}
