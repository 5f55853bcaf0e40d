import { Candidates, Columns } from '../../../common/columns.ts';
import type { CascadeRun } from '../run.ts';
import type { Hydrated } from './hydrate.ts';

/** The candidates that may be shown. While the filtering stage is away, the rules of the last look hold for all candidates. */
export async function filter(
  run: CascadeRun,
  { user, state }: Hydrated,
  candidates: Candidates,
): Promise<Candidates> {
  const response = await run.attempt('filtering', (call) =>
    run.peers.filtering.filter(
      {
        context: run.contextFor('filtering', state),
        candidates: run.candidatesFor('filtering', new Candidates(candidates.items)),
        excluded: new Candidates(run.excluded(user)),
      },
      call,
    ),
  );
  if (response === undefined) return guarded(run, user, candidates);
  const reasons = response.removed.column(Columns.removalReason);
  for (const [row, item] of response.removed.items.entries()) run.removed.set(item, reasons[row]);
  return response.removed.count === 0 ? candidates : candidates.take(rowsOf(response.candidates, candidates));
}

/** The rows of `all` that are in `kept`, which has them in the same order. */
function rowsOf(kept: Candidates, all: Candidates): Uint32Array {
  const rows = new Uint32Array(kept.count);
  for (let row = 0, k = 0; row < all.count && k < kept.count; row++)
    if (all.items[row] === kept.items[k]) rows[k++] = row;
  return rows;
}

function guarded(run: CascadeRun, user: Hydrated['user'], candidates: Candidates): Candidates {
  const removed = run.lastLook('filtering', user, candidates.items);
  const rows: number[] = [];
  for (let row = 0; row < candidates.count; row++) {
    if (removed[row] === 0) rows.push(row);
    else run.removed.set(candidates.items[row], removed[row]);
  }
  return candidates.take(rows);
}
