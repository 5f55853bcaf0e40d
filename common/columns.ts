import type { Candidates as WireCandidates } from '../gen/millrace/type/v1/type.ts';
import { MillraceError, type Reason } from './errors.ts';
import { OrdinalSet } from './ordinal-set.ts';

/** Columns with fixed names. Columns of sources are named by `rankColumn` and `scoreColumn`. */
export const Columns = {
  /** Reciprocal-rank fusion of the sources' ranks, k = 60 (Cormack, Clarke, Büttcher 2009). */
  rrf: 'retrieval.rrf',
  /** The first-stage ranker's score. */
  ranking: 'score.ranking',
  /**
   * 1-based place by the second-stage model among the rows that it scored; 0: it did not score the row, and the other columns of the
   * second stage say nothing of it.
   */
  secondRank: 'rank.second',
  /** The second-stage model's probability that the item is taken up. */
  second: 'score.second',
  /** Its estimate of the seconds that the item is watched if it is taken up. The column is absent where the model has no such task. */
  watch: 'score.watch',
  /** Its estimate of the rating that the item gets if it is taken up. Absent likewise. */
  rating: 'score.rating',
  /**
   * What slates are chosen by before rules and objectives: `score.second` of the rows that the second stage scored, and below all of
   * them the others in ranking's order. Absent where there is no second stage, or it failed: `score.ranking` then.
   */
  relevance: 'score.relevance',
  /** The score that the slate was chosen by. */
  reranking: 'score.reranking',
  /** Probability of the item in its slot, given the earlier slots. */
  propensity: 'propensity',
  /** A millrace.filtering.v1.RemovalReason. */
  removalReason: 'removal.reason',
} as const;

/** What the second stage says of the items that it scored. */
export const secondStageColumns = [
  Columns.secondRank,
  Columns.second,
  Columns.watch,
  Columns.rating,
] as const;

/** The column of 1-based ranks in one source's list; 0: the source did not retrieve the item. */
export function rankColumn(source: string): string {
  return `retrieval.${source}.rank`;
}

/** The column of one source's scores, on its own scale; 0 where its rank is 0. */
export function scoreColumn(source: string): string {
  return `retrieval.${source}.score`;
}

/** The column of one of the item counters (common/features/item-reducers.ts). */
export function countColumn(name: string): string {
  return `count.${name}`;
}

/** Whether `name` is the score column of a source. */
export function isScoreColumn(name: string): boolean {
  return SCORE_COLUMN.test(name);
}

const SCORE_COLUMN = /^retrieval\..+\.score$/;
const COLUMN_NAME = /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_-]*)*$/;
const ROWS_MAX = 1_000_000;
const COLUMNS_MAX = 128;
const NO_COLUMNS: ReadonlyMap<string, Float32Array> = new Map();
const NO_IDS: readonly string[] = [];

/**
 * Items with columns: `items` holds one ordinal per row, each column one finite float32 per row. Immutable by agreement: no one
 * writes into the arrays of a `Candidates` that it did not make, since in one process all stages hold the same arrays.
 */
export class Candidates {
  static readonly empty: Candidates = new Candidates(new Uint32Array(0));

  readonly items: Uint32Array;
  readonly columns: ReadonlyMap<string, Float32Array>;
  /** One external id per row where the caller sends them, else empty. */
  readonly ids: readonly string[];

  constructor(
    items: Uint32Array,
    columns: ReadonlyMap<string, Float32Array> = NO_COLUMNS,
    ids: readonly string[] = NO_IDS,
  ) {
    this.items = items;
    this.columns = columns;
    this.ids = ids;
  }

  get count(): number {
    return this.items.length;
  }

  /** The column of that name; COLUMN_MISSING if there is none. */
  column(name: string): Float32Array {
    const values = this.columns.get(name);
    if (values === undefined) {
      throw new MillraceError('COLUMN_MISSING', `candidates: column ${name} is missing`, {
        violations: [{ field: 'candidates.columns', description: `${name} is missing` }],
      });
    }
    return values;
  }

  /** The same rows with one more column, or with one replaced. The arrays are shared. */
  with(name: string, values: Float32Array): Candidates {
    return new Candidates(this.items, new Map(this.columns).set(name, values), this.ids);
  }

  /** The same rows with the columns of `other`, which has the same rows, added. */
  withAll(other: Candidates): Candidates {
    return new Candidates(this.items, new Map([...this.columns, ...other.columns]), this.ids);
  }

  /** The same rows with external ids. */
  withIds(idOf: (ordinal: number) => string): Candidates {
    return new Candidates(this.items, this.columns, Array.from(this.items, idOf));
  }

  /** The rows named, in the order named. */
  take(named: ArrayLike<number>): Candidates {
    const rows = named instanceof Uint32Array ? named : Uint32Array.from(named);
    const items = new Uint32Array(rows.length);
    for (let i = 0; i < rows.length; i++) items[i] = this.items[rows[i]];
    const columns = new Map<string, Float32Array>();
    for (const [name, values] of this.columns) {
      const taken = new Float32Array(rows.length);
      for (let i = 0; i < rows.length; i++) taken[i] = values[rows[i]];
      columns.set(name, taken);
    }
    return new Candidates(
      items,
      columns,
      this.ids.length === 0 ? NO_IDS : Array.from(rows, (row) => this.ids[row]),
    );
  }
}

/** The wire form. The bytes are views of the arrays on little-endian machines, which Node's platforms all are. */
export function toWire(candidates: Candidates): WireCandidates {
  const columns = [];
  for (const [name, values] of candidates.columns) columns.push({ name, values: bytesOf(values) });
  return {
    count: candidates.count,
    item: bytesOf(candidates.items),
    columns,
    itemId: candidates.ids as string[],
  };
}

/**
 * Checks and copies the wire form: `count` rows in every column, finite values, registered shape of names, no name twice, no
 * ordinal twice. Faults are COLUMNS_INVALID in a request and RESPONSE_INVALID in a response, naming `field`.
 */
export function fromWire(wire: WireCandidates | undefined, field: string, reason: Reason): Candidates {
  if (wire === undefined) return Candidates.empty;
  const { count } = wire;
  const fail = (part: string, description: string): never => {
    const path = `${field}.${part}`;
    throw new MillraceError(reason, `${path}: ${description}`, {
      violations: [{ field: path, description }],
    });
  };
  if (count > ROWS_MAX) fail('count', `${count} rows; at most ${ROWS_MAX}`);
  if (wire.columns.length > COLUMNS_MAX)
    fail('columns', `${wire.columns.length} columns; at most ${COLUMNS_MAX}`);
  if (wire.item.length !== count * 4) fail('item', `${wire.item.length} bytes for ${count} rows of 4`);
  if (wire.itemId.length !== 0 && wire.itemId.length !== count)
    fail('item_id', `${wire.itemId.length} ids for ${count} rows`);
  const names = new Set<string>();
  for (const [i, { name, values }] of wire.columns.entries()) {
    const at = `columns[${i}]`;
    if (!COLUMN_NAME.test(name))
      fail(`${at}.name`, `not a column name: ${JSON.stringify(name.slice(0, 80))}`);
    if (names.has(name)) fail(`${at}.name`, `${name} stands twice`);
    names.add(name);
    if (values.length !== count * 4)
      fail(`${at}.values`, `${values.length} bytes for ${count} rows of 4 in ${name}`);
  }
  const store = new ArrayBuffer(count * 4 * (1 + names.size));
  const items = new Uint32Array(store, 0, count);
  copyInto(items, wire.item);
  if (hasRepeats(items)) fail('item', 'an ordinal stands twice');
  const columns = new Map<string, Float32Array>();
  for (const [i, column] of wire.columns.entries()) {
    const values = new Float32Array(store, count * 4 * (i + 1), count);
    copyInto(values, column.values);
    const bad = firstNonFinite(values);
    if (bad !== -1) fail(`columns[${i}].values`, `${values[bad]} in row ${bad} of ${column.name}`);
    columns.set(column.name, values);
  }
  return new Candidates(items, columns, wire.itemId);
}

/** The row of the first value that is not finite, or -1. */
export function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) {
    if (values[i] - values[i] !== 0) return i;
  }
  return -1;
}

/** Lists up to this length are checked by a table that stays; longer ones, which are rare, by sorting a copy. */
const TABLE_ROWS_MAX = 10_000;
const table = new OrdinalSet();

function hasRepeats(items: Uint32Array): boolean {
  if (items.length <= TABLE_ROWS_MAX) {
    table.clear();
    table.addAll(items);
    return table.size < items.length;
  }
  const sorted = items.slice().sort();
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) return true;
  return false;
}

/** Copies the bytes of a column, which may stand at any address, over those of an array of the same length. */
function copyInto(values: Uint32Array | Float32Array, bytes: Uint8Array): void {
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes);
}

/** The array's bytes as a Buffer, without a copy. */
export function bytesOf(values: Uint32Array | Float32Array | Float64Array | Uint8Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** A copy of little-endian bytes, aligned; the length is a multiple of the element's. */
export function u32Of(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(aligned(bytes));
}

/** See `u32Of`. */
export function f32Of(bytes: Uint8Array): Float32Array {
  return new Float32Array(aligned(bytes));
}

/** See `u32Of`. */
export function f64Of(bytes: Uint8Array): Float64Array {
  return new Float64Array(aligned(bytes));
}

function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}
