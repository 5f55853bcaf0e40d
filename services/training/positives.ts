import { entryRows, type InteractionMatrix, interactionMatrix } from '../../common/models/interactions.ts';
import { isPositive } from '../../common/user-state.ts';
import type { Action } from '../../gen/millrace/type/v1/type.ts';
import type { SplitConfig, WeightOf } from './config.ts';
import type { LogData } from './dataset/from-log.ts';
import { leaveOneOut, ratioSplit, timeSplit } from './dataset/splits.ts';

/** Users' positive events as a matrix, one row a user of `LogData.users`. */
export function positivesOf({ feedback, users, catalogue }: LogData, weightOf: WeightOf): InteractionMatrix {
  let rows = 0;
  let latestMs = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < feedback.action.length; row++) {
    if (!isPositive(feedback.action[row] as Action)) continue;
    rows++;
    latestMs = Math.max(latestMs, feedback.timeMs[row]);
  }
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
    source.weights[to] = weightOf(action, latestMs - feedback.timeMs[row]);
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

  /** Another set with these pairs too. */
  with(pairs: Iterable<{ readonly user: number; readonly item: number }>): PairSet {
    const set = PairSet.of(pairs, this.#itemCount);
    for (const key of this.#keys) set.#keys.add(key);
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
 * The pairs of the test part, users in order; of a user by the order of `leaveOneOut`, oldest first: the latest event of a pair
 * counts. Of a user with one pair leave-one-out and ratio hold out none.
 */
export function testPairsOf(
  matrix: InteractionMatrix,
  split: SplitConfig,
  itemIds: readonly string[],
): Target[] {
  const users = entryRows(matrix);
  const events = {
    user: users,
    item: matrix.columns,
    timeMs: matrix.times,
    userCount: matrix.rowCount,
    itemIds,
  };
  const { test } =
    split === 'leave-one-out'
      ? leaveOneOut(events)
      : 'ratio' in split
        ? ratioSplit(events, { validation: 0, test: split.ratio })
        : timeSplit(events, cutOf(matrix, split.time), cutOf(matrix, split.time));
  return Array.from(test, (entry) => ({
    user: users[entry],
    item: matrix.columns[entry],
    timeMs: matrix.times[entry],
  }));
}

/** The time from which pairs are held out, milliseconds since the Unix epoch. */
export function cutOf({ times }: InteractionMatrix, cut: string | number): number {
  if (typeof cut === 'string') return Date.parse(cut);
  return times.slice().sort()[Math.floor((1 - cut) * times.length)] ?? Number.POSITIVE_INFINITY;
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
