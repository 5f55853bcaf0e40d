import { CsvError, parse } from 'csv-parse/sync';
import { parseColumn } from './columns.ts';
import { readLines } from './lines.ts';
import { ImportError } from './report.ts';
import type { Dialect, Table } from './table.ts';

/** CSV: the first record names the columns, each with an optional RecBole type; lists are cut at `|`. */
export const CSV_DIALECT: Dialect = { headed: true, separator: '|', timeUnit: undefined };

const RECORD_LINES_MAX = 1000;
const RECORD_CHARS_MAX = 1 << 22;
const BATCH_RECORDS = 512;
const BATCH_CHARS = 1 << 20;

/**
 * Reads comma- or tab-separated records (RFC 4180) into `table`. Quoted fields may hold line breaks, at most 1,000 lines
 * and 4 Mi characters to a record; they arrive as LF. A record that cannot be parsed is one bad row, and reading goes on at the next line.
 */
export async function readCsv(chunks: AsyncIterable<Buffer>, table: Table, delimiter: string): Promise<void> {
  const records = new Records(table, delimiter);
  await readLines(table.file, chunks, (text, line) => records.line(text, line));
  records.finish();
}

/**
 * Lines are gathered into records by counting quotes, so that each record keeps its line number and a broken one costs
 * only itself; csv-parse reads whole batches of them, and single ones where a batch does not parse.
 */
class Records {
  readonly #table: Table;
  readonly #delimiter: string;
  #started = false;
  /** Lines of a record whose quote is still open. */
  #open: string[] = [];
  #openLine = 0;
  #openChars = 0;
  #batch: string[] = [];
  #batchChars = 0;
  #batchLines: number[] = [];

  constructor(table: Table, delimiter: string) {
    this.#table = table;
    this.#delimiter = delimiter;
  }

  line(text: string | undefined, line: number): void {
    if (text === undefined) {
      this.#abandonAll();
      this.#flush();
      if (!this.#started) throw new ImportError(`${this.#table.file}:${line}: the header is not valid UTF-8`);
      this.#table.bad(line, 'not valid UTF-8');
      return;
    }
    const odd = hasOddQuotes(text);
    if (this.#open.length === 0) {
      if (text === '') return;
      if (!odd) {
        this.#complete(text, line);
        return;
      }
      this.#openLine = line;
      this.#openChars = 0;
    }
    this.#open.push(text);
    this.#openChars += text.length;
    if (odd && this.#open.length > 1) this.#closeOpen();
    else if (this.#open.length > RECORD_LINES_MAX || this.#openChars > RECORD_CHARS_MAX) this.#abandonOpen();
  }

  finish(): void {
    this.#abandonAll();
    this.#flush();
    if (!this.#started) throw new ImportError(`${this.#table.file}: no header line`);
  }

  #closeOpen(): void {
    const record = this.#open.join('\n');
    if (typeof this.#parseOne(record) === 'string') {
      this.#abandonOpen();
      return;
    }
    this.#open = [];
    this.#complete(record, this.#openLine);
  }

  /** The first line of the open record is a bad row; the others are read again, and may open a record of their own. */
  #abandonOpen(): void {
    const [broken, ...others] = this.#open;
    const line = this.#openLine;
    this.#open = [];
    this.#flush();
    this.#emit(this.#parseOne(broken), line);
    others.forEach((text, i) => {
      this.line(text, line + 1 + i);
    });
  }

  #abandonAll(): void {
    while (this.#open.length > 0) this.#abandonOpen();
  }

  #complete(record: string, line: number): void {
    this.#batch.push(record);
    this.#batchLines.push(line);
    this.#batchChars += record.length;
    if (!this.#started || this.#batch.length === BATCH_RECORDS || this.#batchChars > BATCH_CHARS)
      this.#flush();
  }

  #flush(): void {
    const records = this.#parse(this.#batch.join('\n'));
    const aligned = typeof records !== 'string' && records.length === this.#batch.length;
    for (let i = 0; i < this.#batch.length; i++) {
      const cells = aligned ? records[i] : this.#parseOne(this.#batch[i]);
      this.#emit(cells, this.#batchLines[i]);
    }
    this.#batch = [];
    this.#batchLines = [];
    this.#batchChars = 0;
  }

  #emit(cells: string[] | string, line: number): void {
    if (!this.#started) {
      if (typeof cells === 'string') throw new ImportError(`${this.#table.file}:${line}: header: ${cells}`);
      this.#started = true;
      this.#table.header(cells.map(parseColumn));
    } else if (typeof cells === 'string') {
      this.#table.bad(line, cells);
    } else {
      this.#table.row(cells, line);
    }
  }

  #parseOne(record: string): string[] | string {
    const records = this.#parse(record);
    if (typeof records === 'string') return records;
    return records.length === 1 ? records[0] : 'more than one record where the quotes make one';
  }

  /** The records, or why they cannot be parsed. */
  #parse(text: string): string[][] | string {
    try {
      return parse(text, {
        delimiter: this.#delimiter,
        record_delimiter: '\n',
        relax_column_count: true,
      });
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      return REASONS[error.code] ?? error.code;
    }
  }
}

const REASONS: Partial<Record<string, string>> = {
  CSV_INVALID_CLOSING_QUOTE: 'text after a closing quote',
  INVALID_OPENING_QUOTE: 'a quote inside an unquoted field',
  CSV_QUOTE_NOT_CLOSED: 'a quote that is not closed',
};

function hasOddQuotes(text: string): boolean {
  let odd = false;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) odd = !odd;
  return odd;
}
