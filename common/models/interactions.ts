/** Parallel columns of one event each. `weights` is 1 and `times` is 0 throughout where absent. */
export interface InteractionColumns {
  /** Dense user rows, below `userCount`. */
  readonly users: Uint32Array;
  /** Item ordinals, below `itemCount`. */
  readonly items: Uint32Array;
  /** Confidence of each event, finite and not negative. */
  readonly weights?: Float32Array;
  /** Milliseconds since the Unix epoch, or any other finite increasing measure. */
  readonly times?: Float64Array;
}

/**
 * A sparse user × item matrix in compressed rows: row `r` holds entries `offsets[r]` up to `offsets[r + 1]`.
 * Rows built by `interactionMatrix` are sequences: ordered by (time, item ordinal), oldest first. A pair occurs once.
 */
export interface InteractionMatrix {
  readonly rowCount: number;
  readonly columnCount: number;
  /** Length `rowCount + 1`. */
  readonly offsets: Uint32Array;
  /** Column of each entry. */
  readonly columns: Uint32Array;
  readonly weights: Float32Array;
  readonly times: Float64Array;
}

/**
 * Builds the matrix. Repeated (user, item) events become one entry: their weights sum, the latest time stands.
 * Throws `RangeError` naming the column and position of the first bad value.
 */
export function interactionMatrix(
  source: InteractionColumns,
  userCount: number,
  itemCount: number,
): InteractionMatrix {
  checkColumns(source, userCount, itemCount);
  const { users, items } = source;
  const order = sequenceOrder(source, userCount);
  const columns = new Uint32Array(order.length);
  const weights = new Float32Array(order.length);
  const times = new Float64Array(order.length);
  const offsets = new Uint32Array(userCount + 1);
  const slotOfItem = new Uint32Array(itemCount);
  const ownerOfSlot = new Int32Array(itemCount).fill(-1);
  let next = order.length;
  for (let at = order.length - 1; at >= 0; at--) {
    const event = order[at];
    const user = users[event];
    const item = items[event];
    if (ownerOfSlot[item] !== user) {
      ownerOfSlot[item] = user;
      slotOfItem[item] = --next;
      columns[next] = item;
      times[next] = source.times?.[event] ?? 0;
      offsets[user + 1]++;
    }
    weights[slotOfItem[item]] += source.weights?.[event] ?? 1;
  }
  accumulate(offsets);
  return {
    rowCount: userCount,
    columnCount: itemCount,
    offsets,
    columns: columns.slice(next),
    weights: weights.slice(next),
    times: times.slice(next),
  };
}

/** The same entries by column: each new row is ordered by the old row number. */
export function transpose(matrix: InteractionMatrix): InteractionMatrix {
  const { offsets, entries } = columnEntries(matrix);
  const owners = entryRows(matrix);
  const columns = new Uint32Array(entries.length);
  const weights = new Float32Array(entries.length);
  const times = new Float64Array(entries.length);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i];
    columns[i] = owners[entry];
    weights[i] = matrix.weights[entry];
    times[i] = matrix.times[entry];
  }
  return { rowCount: matrix.columnCount, columnCount: matrix.rowCount, offsets, columns, weights, times };
}

/** The entry numbers of each column, in row order: column `c` holds `entries[offsets[c]]` up to `offsets[c + 1]`. */
export function columnEntries(matrix: InteractionMatrix): { offsets: Uint32Array; entries: Uint32Array } {
  const offsets = new Uint32Array(matrix.columnCount + 1);
  for (const column of matrix.columns) offsets[column + 1]++;
  accumulate(offsets);
  const cursor = offsets.slice(0, -1);
  const entries = new Uint32Array(matrix.columns.length);
  for (let entry = 0; entry < entries.length; entry++) entries[cursor[matrix.columns[entry]]++] = entry;
  return { offsets, entries };
}

/** The row of each entry. */
export function entryRows(matrix: InteractionMatrix): Uint32Array {
  const rows = new Uint32Array(matrix.columns.length);
  for (let row = 0; row < matrix.rowCount; row++)
    rows.fill(row, matrix.offsets[row], matrix.offsets[row + 1]);
  return rows;
}

/** The events by user, time, item and number: counted into rows, and a row sorted where it does not stand so. */
function sequenceOrder({ users, items, times }: InteractionColumns, userCount: number): Uint32Array {
  const starts = new Uint32Array(userCount + 1);
  for (const user of users) starts[user + 1]++;
  accumulate(starts);
  const next = starts.slice(0, userCount);
  const order = new Uint32Array(users.length);
  for (let event = 0; event < order.length; event++) order[next[users[event]]++] = event;
  const compare =
    times === undefined
      ? (a: number, b: number) => items[a] - items[b]
      : (a: number, b: number) => times[a] - times[b] || items[a] - items[b];
  for (let user = 0; user < userCount; user++) {
    const row = order.subarray(starts[user], starts[user + 1]);
    if (row.some((event, at) => at > 0 && compare(row[at - 1], event) > 0)) row.sort(compare);
  }
  return order;
}

function checkColumns(source: InteractionColumns, userCount: number, itemCount: number): void {
  const length = source.users.length;
  for (const name of ['items', 'weights', 'times'] as const) {
    const column = source[name];
    if (column !== undefined && column.length !== length) {
      throw new RangeError(`${name}: ${column.length} values for ${length} users`);
    }
  }
  for (let i = 0; i < length; i++) {
    if (source.users[i] >= userCount)
      throw new RangeError(`users[${i}]: ${source.users[i]} of ${userCount} rows`);
    if (source.items[i] >= itemCount)
      throw new RangeError(`items[${i}]: ${source.items[i]} of ${itemCount} items`);
    const weight = source.weights?.[i] ?? 1;
    if (!(weight >= 0 && weight < Infinity))
      throw new RangeError(`weights[${i}]: ${weight} is not a confidence`);
    const time = source.times?.[i] ?? 0;
    if (!Number.isFinite(time)) throw new RangeError(`times[${i}]: ${time} is not finite`);
  }
}

function accumulate(counts: Uint32Array): void {
  for (let i = 1; i < counts.length; i++) counts[i] += counts[i - 1];
}
