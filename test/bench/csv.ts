import { CsvError, parse } from 'csv-parse/sync';
import { MISSING, type TextColumn } from '../../common/models/text-columns.ts';
import { UsageError } from './bench.ts';
import { readText } from './files.ts';

/** A CSV file by columns. */
export interface CsvTable {
  readonly file: string;
  readonly columns: readonly TextColumn[];
  /** Of each row, in the file, from 1. */
  readonly lines: Uint32Array;
}

const MISSING_MARKS = new Set(['', '?']);

/**
 * Reads a CSV file, plain or gzip-compressed, whose first line names the columns. Blanks around a cell are no part of it, quoted or
 * not; an empty cell and `?` are missing; empty lines are skipped. UsageError naming file, line and, where there is one, column.
 */
export function readCsvTable(file: string): CsvTable {
  let builders: ColumnBuilder[] | undefined;
  const lines: number[] = [];
  const onRecord = (cells: string[], { lines: line }: { lines: number }) => {
    if (builders === undefined) {
      builders = header(file, cells);
      return null;
    }
    if (cells.length !== builders.length) {
      const near = builders[Math.min(cells.length, builders.length) - 1].name;
      throw new UsageError(
        `${file}:${line}: ${cells.length} cells, the header names ${builders.length}; the last that both have is '${near}'`,
      );
    }
    lines.push(line);
    for (let i = 0; i < cells.length; i++) builders[i].push(cells[i]);
    return null;
  };
  try {
    parse(readText(file), {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      on_record: onRecord,
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UsageError(`${file}:${error.lines ?? '?'}: ${error.message}`);
  }
  if (builders === undefined) throw new UsageError(`${file}: no header line`);
  if (lines.length === 0) throw new UsageError(`${file}: no rows under the header`);
  return { file, columns: builders.map((builder) => builder.finish()), lines: Uint32Array.from(lines) };
}

/** Columns of `table` by name, in the order of `names`; UsageError for one that is not there. */
export function columnsNamed({ file, columns }: CsvTable, names: readonly string[]): TextColumn[] {
  return names.map((name) => {
    const column = columns.find((candidate) => candidate.name === name);
    if (column === undefined) {
      throw new UsageError(
        `${file}:1: no column '${name}'; it has ${columns.map((of) => of.name).join(', ')}`,
      );
    }
    return column;
  });
}

function header(file: string, cells: readonly string[]): ColumnBuilder[] {
  cells.forEach((name, i) => {
    if (name === '') throw new UsageError(`${file}:1: column ${i + 1} has no name`);
    if (cells.indexOf(name) < i) throw new UsageError(`${file}:1: two columns are named '${name}'`);
  });
  return cells.map((name) => new ColumnBuilder(name));
}

class ColumnBuilder {
  readonly name: string;
  readonly #codes = new Map<string, number>();
  readonly #rows: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  push(cell: string): void {
    if (MISSING_MARKS.has(cell)) {
      this.#rows.push(MISSING);
      return;
    }
    let code = this.#codes.get(cell);
    if (code === undefined) {
      code = this.#codes.size;
      this.#codes.set(cell, code);
    }
    this.#rows.push(code);
  }

  finish(): TextColumn {
    return { name: this.name, values: [...this.#codes.keys()], codes: Uint32Array.from(this.#rows) };
  }
}
