/** What simulated people did: parallel columns, one row an event. */
export interface EventColumns {
  readonly count: number;
  /** Index of the user in the audience. */
  readonly users: Uint32Array;
  /** Index of the film in the catalogue. */
  readonly items: Uint32Array;
  /** A number of `millrace.type.v1.Action`. */
  readonly actions: Uint8Array;
  /** The rating in stars, the seconds watched or the price paid, in US dollars; NaN for other actions. */
  readonly values: Float32Array;
  /** Milliseconds since the Unix epoch, whole. */
  readonly timesMs: Float64Array;
  /** Position in the slate, from 0; -1 where the film was found by search or browsing. */
  readonly positions: Int16Array;
}

/** Grows columns event by event. */
export class EventWriter {
  #count = 0;
  #columns: EventColumns;

  constructor(capacity: number) {
    this.#columns = allocate(Math.max(16, capacity));
  }

  write(
    user: number,
    item: number,
    action: number,
    timeMs: number,
    position: number,
    value = Number.NaN,
  ): void {
    if (this.#count === this.#columns.count) this.#grow();
    const row = this.#count++;
    const { users, items, actions, values, timesMs, positions } = this.#columns;
    users[row] = user;
    items[row] = item;
    actions[row] = action;
    values[row] = value;
    timesMs[row] = timeMs;
    positions[row] = position;
  }

  /** The events in order of time; events of the same millisecond in the order written. */
  inOrderOfTime(): EventColumns {
    const written = this.#columns;
    const order = orderOfTime(written.timesMs.subarray(0, this.#count));
    const sorted = allocate(this.#count);
    for (let row = 0; row < order.length; row++) {
      const from = order[row];
      sorted.users[row] = written.users[from];
      sorted.items[row] = written.items[from];
      sorted.actions[row] = written.actions[from];
      sorted.values[row] = written.values[from];
      sorted.timesMs[row] = written.timesMs[from];
      sorted.positions[row] = written.positions[from];
    }
    return sorted;
  }

  #grow(): void {
    const old = this.#columns;
    const grown = allocate(old.count * 2);
    grown.users.set(old.users);
    grown.items.set(old.items);
    grown.actions.set(old.actions);
    grown.values.set(old.values);
    grown.timesMs.set(old.timesMs);
    grown.positions.set(old.positions);
    this.#columns = grown;
  }
}

function allocate(count: number): EventColumns {
  return {
    count,
    users: new Uint32Array(count),
    items: new Uint32Array(count),
    actions: new Uint8Array(count),
    values: new Float32Array(count),
    timesMs: new Float64Array(count),
    positions: new Int16Array(count),
  };
}

/** Rows by time, stably: a radix sort over the 8-bit digits of the milliseconds since the first. */
function orderOfTime(timesMs: Float64Array): Uint32Array {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const timeMs of timesMs) {
    if (timeMs < first) first = timeMs;
    if (timeMs > last) last = timeMs;
  }
  let order = Uint32Array.from(timesMs.keys());
  let next = new Uint32Array(order.length);
  const starts = new Uint32Array(257);
  for (let unit = 1; unit <= last - first; unit *= 256) {
    starts.fill(0);
    for (const timeMs of timesMs) starts[digit(timeMs - first, unit) + 1]++;
    for (let d = 1; d < starts.length; d++) starts[d] += starts[d - 1];
    for (const row of order) next[starts[digit(timesMs[row] - first, unit)]++] = row;
    [order, next] = [next, order];
  }
  return order;
}

function digit(elapsedMs: number, unit: number): number {
  return Math.floor(elapsedMs / unit) % 256;
}
