import { createHash } from 'node:crypto';
import type { FeatureColumn } from './feature-columns.ts';

/** A column of text cells, each a code into its distinct values. */
export interface TextColumn {
  readonly name: string;
  readonly values: readonly string[];
  /** One a row; `MISSING` where the cell is. */
  readonly codes: Uint32Array;
}

export const MISSING = 0xffffffff;

/** A cell that a vectoriser cannot read. */
export class CellError extends Error {
  readonly column: string;
  /** Among the rows given, from 0. */
  readonly row: number;

  constructor(column: string, row: number, message: string) {
    super(message);
    this.column = column;
    this.row = row;
  }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Categories that are kept of a column: the most frequent. */
const VOCABULARY_MAX = 50_000;

/**
 * Turns text columns into a raw feature matrix, the same way for the rows that it was fitted on and for any later ones. A
 * column is numeric where every present value of the fitted rows is a finite number, else categorical; its codes are by
 * falling frequency, and values rarer than `rareBelow` are as unseen.
 */
export class TextVectoriser {
  readonly columns: readonly FeatureColumn[];
  /** By column: the code of each known category; undefined for numeric columns. */
  readonly vocabularies: readonly (ReadonlyMap<string, number> | undefined)[];

  constructor(fitted: readonly TextColumn[], rareBelow: number) {
    this.vocabularies = fitted.map((column) =>
      isNumeric(column) ? undefined : vocabulary(column, rareBelow),
    );
    this.columns = fitted.map(({ name }, i) => {
      const known = this.vocabularies[i];
      return known === undefined
        ? { kind: 'numeric', name }
        : { kind: 'categorical', name, size: known.size };
    });
  }

  /** Identifies the columns and the codes of their categories. */
  get hash(): string {
    const codes = this.vocabularies.map((known) => (known === undefined ? null : [...known.keys()]));
    return createHash('sha256')
      .update(JSON.stringify([this.columns, codes]))
      .digest('hex');
  }

  /** Row-major features of columns that bear the names of the fitted ones, in their order. Throws `CellError`. */
  features(columns: readonly TextColumn[]): Float32Array {
    const width = this.columns.length;
    const features = new Float32Array(columns[0].codes.length * width);
    columns.forEach(({ name, values, codes }, at) => {
      const known = this.vocabularies[at];
      const cells = Float32Array.from(values, (text) =>
        known === undefined ? parsed(text) : (known.get(text) ?? -1),
      );
      for (let row = 0; row < codes.length; row++) {
        const missing = codes[row] === MISSING;
        const value = missing ? Number.NaN : cells[codes[row]];
        if (!missing && Number.isNaN(value)) {
          throw new CellError(name, row, `'${values[codes[row]]}' is not a number, as the training rows had`);
        }
        features[row * width + at] = value;
      }
    });
    return features;
  }
}

/** NaN where `text` is not a number that float32 holds. */
function parsed(text: string): number {
  const value = NUMBER.test(text) ? Math.fround(Number(text)) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}

function isNumeric({ values }: TextColumn): boolean {
  return values.length > 0 && values.every((text) => !Number.isNaN(parsed(text)));
}

function vocabulary({ values, codes }: TextColumn, rareBelow: number): Map<string, number> {
  const counts = new Uint32Array(values.length);
  for (const code of codes) if (code !== MISSING) counts[code]++;
  const kept = [...counts.keys()].filter((code) => counts[code] >= Math.max(1, rareBelow));
  kept.sort((a, b) => counts[b] - counts[a] || (values[a] < values[b] ? -1 : 1));
  return new Map(kept.slice(0, VOCABULARY_MAX).map((code, rank) => [values[code], rank]));
}
