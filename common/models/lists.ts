import type { Random } from '../random.ts';
import type { GroupedExamples } from './grouped-examples.ts';

/** Lists of equal length, padded: which row is where. */
export interface PaddedLists {
  readonly lists: number;
  readonly length: number;
  /** `lists` × `length`: rows, `PADDING` behind them. */
  readonly rows: Uint32Array;
}

export const PADDING = 0xffffffff;

/** The groups that have rows of different grades: the others say nothing about order. */
export function tellingGroups({ labels, groups }: Pick<GroupedExamples, 'labels' | 'groups'>): Uint32Array {
  return Uint32Array.from({ length: groups.length - 1 }, (_, group) => group).filter((group) => {
    const first = labels[groups[group]];
    for (let row = groups[group] + 1; row < groups[group + 1]; row++) if (labels[row] !== first) return true;
    return false;
  });
}

/** The length that nine in ten of the `wanted` groups do not exceed, at most `lengthMax`. */
export function usualLength(groups: Uint32Array, wanted: Uint32Array, lengthMax: number): number {
  const lengths = wanted.map((group) => groups[group + 1] - groups[group]).sort();
  return Math.min(lengthMax, lengths[Math.ceil(0.9 * lengths.length) - 1]);
}

/**
 * A list for each of `wanted` groups: its rows, or of a longer one a random draw, of its relevant rows up to half a list and of
 * the others the rest.
 */
export function padLists(
  { labels, groups }: Pick<GroupedExamples, 'labels' | 'groups'>,
  wanted: Uint32Array,
  length: number,
  random: Random,
): PaddedLists {
  const rows = new Uint32Array(wanted.length * length).fill(PADDING);
  wanted.forEach((group, list) => {
    rows.set(rowsOf(labels, groups[group], groups[group + 1], length, random), list * length);
  });
  return { lists: wanted.length, length, rows };
}

function rowsOf(
  labels: Float32Array,
  start: number,
  end: number,
  length: number,
  random: Random,
): Uint32Array {
  const rows = Uint32Array.from({ length: end - start }, (_, i) => start + i);
  if (rows.length <= length) return rows;
  random.shuffle(rows);
  const relevant = rows.filter((row) => labels[row] > 0).subarray(0, Math.max(1, length >> 1));
  const taken = new Set(relevant);
  for (let i = 0; i < rows.length && taken.size < length; i++) if (labels[rows[i]] === 0) taken.add(rows[i]);
  for (let i = 0; i < rows.length && taken.size < length; i++) taken.add(rows[i]);
  return Uint32Array.from(taken);
}
