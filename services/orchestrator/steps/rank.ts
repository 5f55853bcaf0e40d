import { bestFirst } from '../../../common/best-first.ts';
import { type Candidates, Columns } from '../../../common/columns.ts';
import type { CascadeRun } from '../run.ts';
import type { Hydrated } from './hydrate.ts';

/** The candidates with the ranker's scores, best first; in retrieval order, scored by it, while the ranking stage is away. */
export async function rank(
  run: CascadeRun,
  { state }: Hydrated,
  candidates: Candidates,
): Promise<Candidates> {
  const { query, world } = run;
  const affordable = Math.max(
    query.limit * 2,
    Math.round(world.config.candidates * world.quality.ranking.value),
  );
  const shortlist =
    candidates.count <= affordable
      ? candidates
      : candidates.take(Array.from({ length: affordable }, (_, row) => row));
  const response = await run.attempt('ranking', (call) =>
    run.peers.ranking.rank(
      {
        context: run.contextFor('ranking', state),
        candidates: run.candidatesFor('ranking', shortlist),
        wantsFeatures: query.recordsFeatures,
      },
      call,
    ),
  );
  if (response === undefined) return shortlist.with(Columns.ranking, shortlist.column(Columns.rrf));
  const scored = shortlist.withAll(response.candidates);
  const rows = bestFirst(scored.column(Columns.ranking), scored.items);
  const { countersVersion, features, featureSchema } = response;
  const catalogueEpoch = response.status?.catalogueEpoch ?? 0;
  run.ranking = { countersVersion, catalogueEpoch, features, featureSchema, rows };
  return scored.take(rows);
}
