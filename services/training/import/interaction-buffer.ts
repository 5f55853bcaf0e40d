/** Interactions as columns of equal length, in file order. */
export interface InteractionColumns {
  /** Index into the data set's users. */
  user: Uint32Array;
  /** Index into the data set's items. */
  item: Uint32Array;
  /** Index into the data set's actions. */
  action: Uint8Array;
  /** NaN: none. */
  value: Float32Array;
  timeMs: Float64Array;
}

/** Interaction columns that grow by doubling. */
export class InteractionBuffer {
  #columns = allocate(1024);
  #count = 0;

  push(user: number, item: number, action: number, value: number, timeMs: number): void {
    if (this.#count === this.#columns.user.length) this.#grow();
    const row = this.#count++;
    this.#columns.user[row] = user;
    this.#columns.item[row] = item;
    this.#columns.action[row] = action;
    this.#columns.value[row] = value;
    this.#columns.timeMs[row] = timeMs;
  }

  /** Columns of exactly the rows pushed. */
  finish(): InteractionColumns {
    const { user, item, action, value, timeMs } = this.#columns;
    return {
      user: user.slice(0, this.#count),
      item: item.slice(0, this.#count),
      action: action.slice(0, this.#count),
      value: value.slice(0, this.#count),
      timeMs: timeMs.slice(0, this.#count),
    };
  }

  #grow(): void {
    const grown = allocate(this.#count * 2);
    grown.user.set(this.#columns.user);
    grown.item.set(this.#columns.item);
    grown.action.set(this.#columns.action);
    grown.value.set(this.#columns.value);
    grown.timeMs.set(this.#columns.timeMs);
    this.#columns = grown;
  }
}

function allocate(rows: number): InteractionColumns {
  return {
    user: new Uint32Array(rows),
    item: new Uint32Array(rows),
    action: new Uint8Array(rows),
    value: new Float32Array(rows),
    timeMs: new Float64Array(rows),
  };
}
