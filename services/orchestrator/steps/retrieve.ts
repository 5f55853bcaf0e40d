import { Candidates, Columns } from '../../../common/columns.ts';
import { DegradedReason } from '../../../gen/millrace/type/v1/type.ts';
import type { CascadeRun } from '../run.ts';
import type { Hydrated } from './hydrate.ts';

/** Candidates from the sources, or the bundle's vetted popular list. */
export async function retrieve(run: CascadeRun, { state }: Hydrated): Promise<Candidates> {
  const { query, world } = run;
  const limit = Math.max(query.limit, Math.round(world.config.candidates * world.quality.candidates.value));
  const response = await run.attempt('candidates', (call) =>
    run.peers.candidates.retrieve(
      {
        context: run.contextFor('candidates', state),
        limit,
        seeds: new Candidates(query.seeds),
        sources: [],
      },
      call,
    ),
  );
  for (const { name, error } of response?.sources ?? []) if (error !== '') run.sourceErrors[name] = error;
  if (response !== undefined && response.candidates.count > 0) return response.candidates;
  run.degrade('candidates', DegradedReason.DEGRADED_REASON_FALLBACK_LIST);
  return fallbackCandidates(world.fallback, limit);
}

const RRF_K = 60;

/** The vetted list as candidates, ranked by its own order. */
function fallbackCandidates(fallback: Uint32Array, limit: number): Candidates {
  const items = fallback.slice(0, limit);
  const rrf = Float32Array.from(items, (_, row) => 1 / (RRF_K + row + 1));
  return new Candidates(items, new Map([[Columns.rrf, rrf]]));
}
