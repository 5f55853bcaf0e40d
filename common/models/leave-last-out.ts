import type { InteractionMatrix } from './interactions.ts';

/** Marks a row that had nothing to hold out. */
export const NOT_HELD_OUT = 0xffffffff;

/**
 * The leave-one-out split: the last entry of every row that has at least two is held out. With rows ordered by
 * (time, item ordinal) that is the user's last event. Applied once more to `train` it yields the validation part.
 * `heldOut[row]` is an item ordinal or `NOT_HELD_OUT`.
 */
export function leaveLastOut(matrix: InteractionMatrix): { train: InteractionMatrix; heldOut: Uint32Array } {
  const { rowCount, offsets } = matrix;
  const heldOut = new Uint32Array(rowCount).fill(NOT_HELD_OUT);
  const keptOffsets = new Uint32Array(rowCount + 1);
  const kept = new Uint32Array(matrix.columns.length);
  let count = 0;
  for (let row = 0; row < rowCount; row++) {
    let end = offsets[row + 1];
    if (end - offsets[row] >= 2) heldOut[row] = matrix.columns[--end];
    for (let entry = offsets[row]; entry < end; entry++) kept[count++] = entry;
    keptOffsets[row + 1] = count;
  }
  const train = {
    ...matrix,
    offsets: keptOffsets,
    columns: Uint32Array.from(kept.subarray(0, count), (entry) => matrix.columns[entry]),
    weights: Float32Array.from(kept.subarray(0, count), (entry) => matrix.weights[entry]),
    times: Float64Array.from(kept.subarray(0, count), (entry) => matrix.times[entry]),
  };
  return { train, heldOut };
}
