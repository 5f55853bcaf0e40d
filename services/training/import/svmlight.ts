import { existsSync } from 'node:fs';
import { GRADE_MAX, type GroupedExamples } from '../../../common/models/grouped-examples.ts';
import { readLines } from './lines.ts';
import { ImportError } from './report.ts';
import { readBytes } from './source.ts';

export interface SvmlightOptions {
  /**
   * Where a row's group comes from. `qid`: its `qid:` token; the rows of a group are adjacent. `file`: the sizes, one a line, in
   * the file's name without `.gz` and with `.query`.
   */
  readonly groups: 'qid' | 'file';
  /** Leaves out the columns that no row of the first part names: they are 0 throughout there. Default: all columns stay. */
  readonly namedInFirst?: boolean;
}

/** Cells of a dense matrix beyond which 32-bit floats would take more than 8 GiB. */
const CELLS_MAX = 2 ** 31;

/**
 * Reads SVMlight/LETOR files, plain or `.gz` (also where only `<name>.gz` exists): lines `label [qid:N] index:value … # comment`. Each
 * of `parts` is the files of one matrix, in order; all matrices have the same columns. Indices count from 0 where any part has
 * an index 0, else from 1. A feature that a line does not name is 0; `nan` is a missing value. Throws `ImportError` naming file
 * and line: a label outside [0, 31], a value that is not a number or is infinite, an index given twice, a group without or apart
 * from its neighbours, sizes that do not add up, an empty part.
 */
export async function readSvmlight(
  parts: readonly (readonly string[])[],
  options: SvmlightOptions,
): Promise<GroupedExamples[]> {
  const sparse: SparseRows[] = [];
  for (const files of parts) {
    const rows = new SparseRows();
    for (const file of files) await readFile(existing(file), rows, options);
    if (rows.rowCount === 0) throw new ImportError(`${files.join(', ')}: no rows`);
    sparse.push(rows);
  }
  const named = options.namedInFirst ? sparse[0].indices() : undefined;
  const base = sparse.some(({ indexMin }) => indexMin === 0) ? 0 : 1;
  const width = named?.length ?? Math.max(...sparse.map(({ indexMax }) => indexMax)) + 1 - base;
  if (width <= 0) throw new ImportError(`${parts.flat().join(', ')}: no features`);
  const columns = named && new Map(Array.from(named, (index, column) => [index, column]));
  const columnOf = (index: number) => (columns === undefined ? index - base : columns.get(index));
  return sparse.map((rows, part) => {
    if (rows.rowCount * width > CELLS_MAX) {
      throw new ImportError(
        `${parts[part].join(', ')}: ${rows.rowCount} rows of ${width} columns are too many`,
      );
    }
    return rows.toDense(width, columnOf);
  });
}

function existing(file: string): string {
  return !existsSync(file) && existsSync(`${file}.gz`) ? `${file}.gz` : file;
}

async function readFile(file: string, rows: SparseRows, options: SvmlightOptions): Promise<void> {
  const before = rows.rowCount;
  const byQid = options.groups === 'qid';
  const parser = new LineParser(file, rows, byQid);
  await readLines(
    file,
    readBytes(file, () => {}),
    (text, line) => parser.parse(text, line),
  );
  if (byQid) rows.endGroup();
  else await readSizes(existing(`${file.replace(/\.gz$/, '')}.query`), file, rows, before);
}

async function readSizes(file: string, dataFile: string, rows: SparseRows, before: number): Promise<void> {
  const count = rows.rowCount - before;
  let sum = 0;
  const onLine = (text: string | undefined, line: number): void => {
    const token = text?.trim();
    if (token === '') return;
    if (token === undefined || !/^[1-9]\d{0,9}$/.test(token))
      throw new ImportError(`${file}:${line}: '${token ?? '(not UTF-8)'}' is not a group's size`);
    sum += Number(token);
    if (sum > count)
      throw new ImportError(`${file}:${line}: the sizes come to ${sum}, ${dataFile} has ${count} rows`);
    rows.endGroupAt(before + sum);
  };
  await readLines(
    file,
    readBytes(file, () => {}),
    onLine,
  );
  if (sum !== count)
    throw new ImportError(`${file}: the sizes come to ${sum}, ${dataFile} has ${count} rows`);
}

const INDEX_MAX = 2 ** 31 - 2;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Puts the lines of one file into `rows`. */
class LineParser {
  readonly #file: string;
  readonly #rows: SparseRows;
  readonly #byQid: boolean;
  readonly #seen = new Set<string>();
  #qid: string | undefined;
  #line = 0;

  constructor(file: string, rows: SparseRows, byQid: boolean) {
    this.#file = file;
    this.#rows = rows;
    this.#byQid = byQid;
  }

  parse(text: string | undefined, line: number): void {
    this.#line = line;
    if (text === undefined) this.#fail('not UTF-8');
    const comment = text.indexOf('#');
    const content = (comment < 0 ? text : text.slice(0, comment)).trim();
    if (content === '') return;
    const tokens = content.split(/\s+/);
    const label = this.#number(tokens[0], 'label');
    if (!(label >= 0 && label <= GRADE_MAX))
      this.#fail(`the label is ${tokens[0]}, not in [0, ${GRADE_MAX}]`);
    const hasQid = tokens.length > 1 && tokens[1].startsWith('qid:');
    if (this.#byQid) this.#enterGroup(hasQid ? tokens[1].slice(4) : undefined);
    this.#features(tokens, hasQid ? 2 : 1);
    this.#rows.endRow(label);
  }

  #enterGroup(qid: string | undefined): void {
    if (qid === undefined || qid === '') this.#fail('there is no qid behind the label');
    if (qid === this.#qid) return;
    if (this.#seen.has(qid)) this.#fail(`the rows of qid:${qid} are not adjacent`);
    this.#seen.add(qid);
    if (this.#qid !== undefined) this.#rows.endGroup();
    this.#qid = qid;
  }

  #features(tokens: readonly string[], from: number): void {
    let last = -1;
    let ascending = true;
    for (let i = from; i < tokens.length; i++) {
      const token = tokens[i];
      const colon = token.indexOf(':');
      const index = Number(token.slice(0, colon));
      if (colon < 1 || !(index >= 0 && index <= INDEX_MAX && Number.isInteger(index)))
        this.#fail(`'${token}' is not index:value`);
      if (index === last) this.#fail(`feature ${index} is given twice`);
      if (index < last) ascending = false;
      last = index;
      this.#rows.push(index, this.#number(token.slice(colon + 1), `feature ${index}`));
    }
    if (ascending) return;
    const indices = tokens.slice(from).map((token) => Number(token.slice(0, token.indexOf(':'))));
    const twice = indices.find((index, i) => indices.indexOf(index) !== i);
    if (twice !== undefined) this.#fail(`feature ${twice} is given twice`);
  }

  /** A finite number as float32, or NaN for `nan`, which a label cannot be. */
  #number(token: string, what: string): number {
    const value = Math.fround(Number(token));
    if (Number.isFinite(value) && NUMBER.test(token)) return value;
    if (/^[+-]?nan$/i.test(token)) return Number.NaN;
    return this.#fail(`${what}: '${token}' is not a finite number`);
  }

  #fail(reason: string): never {
    throw new ImportError(`${this.#file}:${this.#line}: ${reason}`);
  }
}

/** Rows of a sparse matrix with their labels and groups, which grow by doubling. */
class SparseRows {
  indexMin = Number.POSITIVE_INFINITY;
  indexMax = -1;
  #indices = new Int32Array(1 << 14);
  #values = new Float32Array(1 << 14);
  #entries = 0;
  readonly #labels: number[] = [];
  /** Where each row's entries end. */
  readonly #ends: number[] = [];
  readonly #groups: number[] = [0];

  get rowCount(): number {
    return this.#labels.length;
  }

  push(index: number, value: number): void {
    if (this.#entries === this.#indices.length) this.#grow();
    this.#indices[this.#entries] = index;
    this.#values[this.#entries++] = value;
    if (index < this.indexMin) this.indexMin = index;
    if (index > this.indexMax) this.indexMax = index;
  }

  endRow(label: number): void {
    this.#labels.push(label);
    this.#ends.push(this.#entries);
  }

  endGroup(): void {
    this.endGroupAt(this.rowCount);
  }

  endGroupAt(row: number): void {
    if (row > this.#groups.at(-1)!) this.#groups.push(row);
  }

  /** The indices that rows name, ascending. */
  indices(): Int32Array {
    return Int32Array.from(new Set(this.#indices.subarray(0, this.#entries))).sort();
  }

  /** `columnOf`: the column of an index; undefined where it has none. */
  toDense(width: number, columnOf: (index: number) => number | undefined): GroupedExamples {
    const features = new Float32Array(this.rowCount * width);
    for (let row = 0, entry = 0; row < this.rowCount; row++) {
      for (const end = this.#ends[row]; entry < end; entry++) {
        const column = columnOf(this.#indices[entry]);
        if (column !== undefined) features[row * width + column] = this.#values[entry];
      }
    }
    return {
      rows: this.rowCount,
      width,
      features,
      labels: Float32Array.from(this.#labels),
      groups: Uint32Array.from(this.#groups),
    };
  }

  #grow(): void {
    const indices = new Int32Array(this.#indices.length * 2);
    const values = new Float32Array(this.#values.length * 2);
    indices.set(this.#indices);
    values.set(this.#values);
    this.#indices = indices;
    this.#values = values;
  }
}
