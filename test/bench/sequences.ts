import { type InteractionMatrix, interactionMatrix } from '../../common/models/interactions.ts';
import { readDataset } from '../../services/training/import/dataset.ts';
import { ImportError } from '../../services/training/import/report.ts';
import { UsageError } from './bench.ts';
import { ordinals } from './item-lists.ts';

/**
 * Users' events as sequences, by time, then item id (as a number where all are whole numbers); the latest event of a pair
 * counts. `path`: whatever `npx millrace import` reads. UsageError where it cannot be read or holds no event.
 */
export async function readSequences(path: string): Promise<InteractionMatrix> {
  const { users, items, interactions } = await readDataset(path).catch((error) => {
    throw error instanceof ImportError ? new UsageError(error.message) : error;
  });
  if (interactions.user.length === 0) throw new UsageError(`${path}: no interactions`);
  const ids = items.map(({ id }) => id);
  const ordinalOf = ordinals([ids]);
  return interactionMatrix(
    {
      users: interactions.user,
      items: interactions.item.map((item) => ordinalOf.get(ids[item])!),
      times: interactions.timeMs.map((time) => (Number.isNaN(time) ? 0 : time)),
    },
    users.length,
    items.length,
  );
}

/** Of each row's n entries those from ⌊from · n⌋ up to ⌊to · n⌋. */
export function shareOfRows(matrix: InteractionMatrix, from: number, to: number): InteractionMatrix {
  const offsets = new Uint32Array(matrix.rowCount + 1);
  const entries: number[] = [];
  for (let row = 0; row < matrix.rowCount; row++) {
    const start = matrix.offsets[row];
    const length = matrix.offsets[row + 1] - start;
    const end = start + cut(to, length);
    for (let entry = start + cut(from, length); entry < end; entry++) entries.push(entry);
    offsets[row + 1] = entries.length;
  }
  return {
    rowCount: matrix.rowCount,
    columnCount: matrix.columnCount,
    offsets,
    columns: Uint32Array.from(entries, (entry) => matrix.columns[entry]),
    weights: Float32Array.from(entries, (entry) => matrix.weights[entry]),
    times: Float64Array.from(entries, (entry) => matrix.times[entry]),
  };
}

/** ⌊share · length⌋, for shares that are decimal fractions: 0.6 of 5 is 3. */
function cut(share: number, length: number): number {
  return Math.floor(share * length + 1e-9);
}
