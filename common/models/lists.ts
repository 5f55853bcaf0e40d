import type { Random } from '../random.ts';
import type { GroupedExamples } from './grouped-examples.ts';

/** Groups as padded lists, for losses that compare the rows of a group. */
export interface PaddedLists {
  readonly lists: number;
  /** Rows of a list. */
  readonly length: number;
  /** `lists` × `length` × width: 0 in the padding. */
  readonly features: Float32Array;
  /** `lists` × `length`: grades; and 1 for a row, 0 for padding. */
  readonly labels: Float32Array;
  readonly mask: Float32Array;
}

/** The groups that have rows of different grades: the others say nothing about order. */
export function tellingGroups({ labels, groups }: Pick<GroupedExamples, 'labels' | 'groups'>): Uint32Array {
  return Uint32Array.from({ length: groups.length - 1 }, (_, group) => group).filter((group) => {
    const first = labels[groups[group]];
    for (let row = groups[group] + 1; row < groups[group + 1]; row++) if (labels[row] !== first) return true;
    return false;
  });
}

/**
 * Lists of at most `lengthMax` rows, one for each of `wanted` groups. A longer group gives a random draw: of its relevant rows up
 * to half a list, and of the others the rest.
 */
export function padLists(
  { width, features, labels, groups }: GroupedExamples,
  wanted: Uint32Array,
  lengthMax: number,
  random: Random,
): PaddedLists {
  let longest = 1;
  for (const group of wanted) longest = Math.max(longest, groups[group + 1] - groups[group]);
  const length = Math.min(longest, lengthMax);
  const lists = {
    lists: wanted.length,
    length,
    features: new Float32Array(wanted.length * length * width),
    labels: new Float32Array(wanted.length * length),
    mask: new Float32Array(wanted.length * length),
  };
  wanted.forEach((group, list) => {
    let to = list * length;
    for (const row of rowsOf(labels, groups[group], groups[group + 1], length, random)) {
      lists.features.set(features.subarray(row * width, (row + 1) * width), to * width);
      lists.labels[to] = labels[row];
      lists.mask[to++] = 1;
    }
  });
  return lists;
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
