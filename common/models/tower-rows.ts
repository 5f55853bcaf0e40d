import type { Column, Values } from '../onnx/batches.ts';
import type { Value } from '../onnx/graph.ts';
import type { Random } from '../random.ts';
import { entryRows, type InteractionMatrix } from './interactions.ts';
import { lookupColumns } from './layers.ts';
import type { Sides, Tower, TowerFeatures } from './tower.ts';

export interface TowerRowOptions {
  /** Most items of a history that a row reads; 0: no history. */
  readonly history: number;
  /** Share of rows whose user is taken for unknown: the id behind the last. */
  readonly unknownShare: number;
  /** ρ: the rows of a user with n interactions weigh n^(ρ − 1): 1 counts every interaction alike, 0 every user. */
  readonly activityExponent: number;
  /** Whether scores are corrected by the log of an item's share of the interactions. */
  readonly logQ: boolean;
}

/** The training rows of two towers, one for each interaction; a user's history is what they took up beside the row's item. */
export class TowerRows {
  readonly #matrix: InteractionMatrix;
  readonly #options: TowerRowOptions;
  readonly #random: Random;
  /** The user of each row. */
  readonly #users: Uint32Array;
  /** The matrix's columns, each user's in a new order each epoch. */
  readonly #histories: Uint32Array;
  readonly #columns: readonly Column[];

  /** `logQ` and `weights`: the inputs [N] of the items' correction and of the rows' weights. */
  constructor(
    matrix: InteractionMatrix,
    { user, item }: Sides<Tower>,
    { logQ, weights }: { readonly logQ: Value; readonly weights: Value },
    features: Partial<Sides<TowerFeatures>>,
    options: TowerRowOptions,
    random: Random,
  ) {
    const { columns: items } = matrix;
    this.#matrix = matrix;
    this.#options = options;
    this.#random = random;
    this.#users = entryRows(matrix);
    this.#histories = items.slice();
    this.#columns = [
      { input: item.inputs.id!, data: items },
      { input: logQ, data: corrections(matrix, options), rowOf: items },
      { input: weights, data: activityWeights(matrix, options), rowOf: this.#users },
      ...featureColumns(item, features.item, items),
      ...featureColumns(user, features.user, this.#users),
      ...this.#userColumns(user),
    ];
  }

  /** The columns of an epoch, with new samples of longer histories. */
  epoch(): readonly Column[] {
    const { rowCount, offsets } = this.#matrix;
    if (this.#options.history === 0) return this.#columns;
    for (let row = 0; row < rowCount; row++)
      this.#random.shuffle(this.#histories.subarray(offsets[row], offsets[row + 1]));
    return this.#columns;
  }

  #userColumns({ inputs: { id, history, mask } }: Tower): Column[] {
    const rows = this.#users.length;
    const rowShape = [this.#options.history];
    const columns: Column[] = [];
    if (id !== undefined) columns.push({ input: id, rows, compute: (of, into) => this.#ids(of, into) });
    if (history !== undefined && mask !== undefined) {
      columns.push(
        { input: history, rowShape, rows, compute: (of, into) => this.#history(of, into) },
        { input: mask, rowShape, rows, compute: (of, into) => this.#mask(of, into) },
      );
    }
    return columns;
  }

  #ids(rows: Uint32Array, into: Values): void {
    const { unknownShare } = this.#options;
    const unknown = this.#matrix.rowCount;
    for (let i = 0; i < rows.length; i++)
      into[i] = this.#random.next() < unknownShare ? unknown : this.#users[rows[i]];
  }

  #history(rows: Uint32Array, into: Values): void {
    const { history: length } = this.#options;
    const { offsets, columns } = this.#matrix;
    into.fill(0);
    for (let i = 0; i < rows.length; i++) {
      const user = this.#users[rows[i]];
      const own = columns[rows[i]];
      let to = i * length;
      for (let at = offsets[user]; at < offsets[user + 1] && to < (i + 1) * length; at++) {
        if (this.#histories[at] !== own) into[to++] = this.#histories[at];
      }
    }
  }

  #mask(rows: Uint32Array, into: Values): void {
    const { history: length } = this.#options;
    const { offsets } = this.#matrix;
    for (let i = 0; i < rows.length; i++) {
      const user = this.#users[rows[i]];
      const filled = Math.min(length, offsets[user + 1] - offsets[user] - 1);
      into.fill(1, i * length, i * length + filled);
      into.fill(0, i * length + filled, (i + 1) * length);
    }
  }
}

/** Each user's weight, of mean 1 over the rows. */
function activityWeights(
  { offsets, rowCount, columns }: InteractionMatrix,
  { activityExponent }: TowerRowOptions,
): Float32Array {
  const weights = new Float32Array(rowCount);
  let sum = 0;
  for (let user = 0; user < rowCount; user++) {
    const count = offsets[user + 1] - offsets[user];
    if (count === 0) continue;
    weights[user] = count ** (activityExponent - 1);
    sum += count * weights[user];
  }
  return weights.map((weight) => (weight * columns.length) / sum);
}

/** The natural logarithm of each item's share of the interactions, or 0. */
function corrections({ columns, columnCount }: InteractionMatrix, { logQ }: TowerRowOptions): Float32Array {
  const counts = new Float32Array(columnCount);
  if (!logQ) return counts;
  for (const item of columns) counts[item]++;
  return counts.map((count) => Math.log(Math.max(1, count) / columns.length));
}

/** Row i reads row `rowOf[i]` of the features. */
function featureColumns(
  { inputs, lookups }: Tower,
  side: TowerFeatures | undefined,
  rowOf: Uint32Array,
): Column[] {
  if (side === undefined) return [];
  const { values, encoding } = side;
  const width = encoding.columns.length;
  const raw = { features: values, rows: values.length / width, width };
  return [
    { input: inputs.features!, data: values, rowOf },
    ...lookupColumns(lookups, raw, encoding).map((column) => ({ ...column, rowOf })),
  ];
}
