import { entryRows, type InteractionMatrix, interactionMatrix } from '../../common/models/interactions.ts';
import { isPositive } from '../../common/user-state.ts';
import type { Action } from '../../gen/millrace/type/v1/type.ts';
import type { LogData } from './dataset/from-log.ts';
import { leaveOneOut } from './dataset/splits.ts';

/** Users' positive events as a matrix, one row a user of `LogData.users`. `weightOf`: confidence of an event by its action. */
export function positivesOf(
  { feedback, users, catalogue }: LogData,
  weightOf: (action: Action) => number,
): InteractionMatrix {
  const rows = feedback.action.reduce((count, action) => count + (isPositive(action as Action) ? 1 : 0), 0);
  const source = {
    users: new Uint32Array(rows),
    items: new Uint32Array(rows),
    weights: new Float32Array(rows),
    times: new Float64Array(rows),
  };
  for (let row = 0, to = 0; row < feedback.action.length; row++) {
    const action = feedback.action[row] as Action;
    if (!isPositive(action)) continue;
    source.users[to] = feedback.user[row];
    source.items[to] = feedback.item[row];
    source.weights[to] = weightOf(action);
    source.times[to++] = feedback.timeMs[row];
  }
  return interactionMatrix(source, users.length, catalogue.size);
}

/** Pairs of a user and an item. */
export class PairSet {
  readonly #itemCount: number;
  readonly #keys = new Set<number>();

  /** `itemCount`: above every item's ordinal. */
  constructor(itemCount: number) {
    this.#itemCount = itemCount;
  }

  static of(pairs: Iterable<{ readonly user: number; readonly item: number }>, itemCount: number): PairSet {
    const set = new PairSet(itemCount);
    for (const { user, item } of pairs) set.#keys.add(user * itemCount + item);
    return set;
  }

  has(user: number, item: number): boolean {
    return this.#keys.has(user * this.#itemCount + item);
  }

  /** True if the pair was there. */
  delete(user: number, item: number): boolean {
    return this.#keys.delete(user * this.#itemCount + item);
  }
}

/** One held-out pair. */
export interface Target {
  readonly user: number;
  readonly item: number;
  readonly timeMs: number;
}

/**
 * Each user's last pair, by the order of `leaveOneOut`: the latest event of a pair counts. Users with one pair have none.
 */
export function lastPairs(matrix: InteractionMatrix, itemIds: readonly string[]): Target[] {
  const users = entryRows(matrix);
  const { test } = leaveOneOut({
    user: users,
    item: matrix.columns,
    timeMs: matrix.times,
    userCount: matrix.rowCount,
    itemIds,
  });
  return Array.from(test, (entry) => ({
    user: users[entry],
    item: matrix.columns[entry],
    timeMs: matrix.times[entry],
  }));
}

/** Each user's latest `count` pairs, at most half of what there is, oldest first. */
export function latestPairs(matrix: InteractionMatrix, users: Iterable<number>, count: number): Target[] {
  const targets: Target[] = [];
  for (const user of users) {
    const end = matrix.offsets[user + 1];
    const held = Math.min(count, Math.floor((end - matrix.offsets[user]) / 2));
    for (let entry = end - held; entry < end; entry++)
      targets.push({ user, item: matrix.columns[entry], timeMs: matrix.times[entry] });
  }
  return targets;
}

/** The matrix without the pairs held out. */
export function withoutPairs(matrix: InteractionMatrix, without: PairSet): InteractionMatrix {
  const users = entryRows(matrix);
  const offsets = new Uint32Array(matrix.rowCount + 1);
  const kept = new Uint32Array(matrix.columns.length);
  let count = 0;
  for (let entry = 0; entry < users.length; entry++) {
    if (without.has(users[entry], matrix.columns[entry])) continue;
    kept[count++] = entry;
    offsets[users[entry] + 1]++;
  }
  for (let row = 0; row < matrix.rowCount; row++) offsets[row + 1] += offsets[row];
  const entries = kept.subarray(0, count);
  return {
    rowCount: matrix.rowCount,
    columnCount: matrix.columnCount,
    offsets,
    columns: entries.map((entry) => matrix.columns[entry]),
    weights: Float32Array.from(entries, (entry) => matrix.weights[entry]),
    times: Float64Array.from(entries, (entry) => matrix.times[entry]),
  };
}
