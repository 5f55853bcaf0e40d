const FIRST_BAD_MAX = 10;

/** The import cannot go on. The message names the file, and the line or column at fault, and is meant for a person. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}

/** One row is refused; the message is the reason alone. */
export class RowFault extends Error {
  override readonly name = 'RowFault';
}

export interface BadRow {
  file: string;
  /** The line of the file that the row begins on, or of a Parquet file the row's number, from 1. */
  line: number;
  reason: string;
}

export interface ImportReport {
  /** Data rows read, bad ones included; headers and blank lines are not rows. */
  rows: number;
  bad: number;
  /** The first ten. */
  firstBad: BadRow[];
}

/** Counts rows over all files of one import. */
export class RowReport {
  readonly #strict: boolean;
  readonly #report: ImportReport = { rows: 0, bad: 0, firstBad: [] };

  /** `strict`: the first bad row ends the import with an `ImportError`. */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  /** Counts one row and runs `accept` on it; a `RowFault` from there makes it a bad row. */
  row(file: string, line: number, accept: () => void): void {
    try {
      accept();
    } catch (error) {
      if (!(error instanceof RowFault)) throw error;
      this.bad(file, line, error.message);
      return;
    }
    this.#report.rows++;
  }

  /** Counts one row as bad. */
  bad(file: string, line: number, reason: string): void {
    if (this.#strict) throw new ImportError(`${file}:${line}: ${reason}`);
    this.#report.rows++;
    this.#report.bad++;
    if (this.#report.firstBad.length < FIRST_BAD_MAX) this.#report.firstBad.push({ file, line, reason });
  }

  finish(): ImportReport {
    return this.#report;
  }
}
