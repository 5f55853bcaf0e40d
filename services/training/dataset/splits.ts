import type { Random } from '../../../common/random.ts';

/** Interactions to split, as columns of equal length. */
export interface Events {
  /** Index below `userCount`. */
  user: Uint32Array;
  /** Index into `itemIds`. */
  item: Uint32Array;
  timeMs: Float64Array;
  userCount: number;
  itemIds: readonly string[];
}

/** Row numbers, ascending in each part; the parts share no row. */
export interface Split {
  train: Uint32Array;
  validation: Uint32Array;
  test: Uint32Array;
}

/** Fractions of each user's events; what is left of 1 trains. */
export interface SplitRatio {
  validation: number;
  test: number;
}

const TRAIN = 0;
const VALIDATION = 1;
const TEST = 2;

/**
 * The last event of each user is the test, the one before it validation, the others train. A user with two events gives
 * train and test, with one only train.
 *
 * Events are ordered by time; equal times by item: by its id as a number where every item id is a decimal integer, else
 * by its index; equal items by row.
 */
export function leaveOneOut(events: Events): Split {
  const part = new Uint8Array(events.user.length);
  const compare = eventOrder(events);
  forEachUser(events, (rows) => {
    let last = -1;
    let previous = -1;
    for (const row of rows) {
      if (last < 0 || compare(row, last) > 0) {
        previous = last;
        last = row;
      } else if (previous < 0 || compare(row, previous) > 0) {
        previous = row;
      }
    }
    if (rows.length > 1) part[last] = TEST;
    if (rows.length > 2) part[previous] = VALIDATION;
  });
  return collect(part);
}

/**
 * Cuts each user's events by fractions: the last ones in the order of `leaveOneOut` without `random`, or at random with
 * it. Counts per user follow RecBole (`recbole/data/dataset/dataset.py`, `_calcu_split_ids`): rounded down, and a held-out
 * part whose share is below one event still gets one while training keeps another.
 */
export function ratioSplit(events: Events, ratio: SplitRatio, random?: Random): Split {
  if (!(ratio.validation >= 0 && ratio.test >= 0 && ratio.validation + ratio.test < 1)) {
    throw new RangeError(
      `split fractions ${ratio.validation} and ${ratio.test}: each from 0, together below 1`,
    );
  }
  const part = new Uint8Array(events.user.length);
  const compare = eventOrder(events);
  forEachUser(events, (rows) => {
    if (random === undefined) rows.sort(compare);
    else random.shuffle(rows);
    const { validation, test } = heldOutCounts(rows.length, ratio);
    const testStart = rows.length - test;
    for (let i = testStart - validation; i < rows.length; i++) {
      part[rows[i]] = i < testStart ? VALIDATION : TEST;
    }
  });
  return collect(part);
}

/** Events before `validationFromMs` train, those before `testFromMs` validate, the rest test. */
export function timeSplit(
  { timeMs }: Pick<Events, 'timeMs'>,
  validationFromMs: number,
  testFromMs: number,
): Split {
  if (!(validationFromMs <= testFromMs)) {
    throw new RangeError(`time split: validation from ${validationFromMs} is after test from ${testFromMs}`);
  }
  const part = new Uint8Array(timeMs.length);
  for (let row = 0; row < part.length; row++) {
    if (timeMs[row] >= testFromMs) part[row] = TEST;
    else if (timeMs[row] >= validationFromMs) part[row] = VALIDATION;
  }
  return collect(part);
}

function heldOutCounts(total: number, ratio: SplitRatio): SplitRatio {
  const share = { validation: ratio.validation * total, test: ratio.test * total };
  const counts = { validation: Math.floor(share.validation), test: Math.floor(share.test) };
  for (const part of ['test', 'validation'] as const) {
    const train = total - counts.validation - counts.test;
    if (train > 1 && share[part] > 0 && share[part] < 1) counts[part] = 1;
  }
  return counts;
}

/** Compares two rows of one user. */
function eventOrder({ item, timeMs, itemIds }: Events): (a: number, b: number) => number {
  const numeric = itemIds.every((id) => /^\d{1,15}$/.test(id));
  const rank = Float64Array.from(itemIds, (id, index) => (numeric ? Number(id) : index));
  return (a, b) => timeMs[a] - timeMs[b] || rank[item[a]] - rank[item[b]] || a - b;
}

/** Visits the rows of each user that has any, in file order; the visitor may reorder them. */
function forEachUser({ user, userCount }: Events, visit: (rows: Uint32Array) => void): void {
  const starts = new Uint32Array(userCount + 1);
  for (const u of user) starts[u + 1]++;
  for (let u = 0; u < userCount; u++) starts[u + 1] += starts[u];
  const next = starts.slice(0, userCount);
  const rows = new Uint32Array(user.length);
  for (let row = 0; row < user.length; row++) rows[next[user[row]]++] = row;
  for (let u = 0; u < userCount; u++) {
    if (starts[u] < starts[u + 1]) visit(rows.subarray(starts[u], starts[u + 1]));
  }
}

function collect(part: Uint8Array): Split {
  const counts = [0, 0, 0];
  for (const p of part) counts[p]++;
  const parts = counts.map((count) => new Uint32Array(count));
  const filled = [0, 0, 0];
  for (let row = 0; row < part.length; row++) parts[part[row]][filled[part[row]]++] = row;
  return { train: parts[TRAIN], validation: parts[VALIDATION], test: parts[TEST] };
}
