import { Candidates, Columns } from '../../../common/columns.ts';
import { DegradedReason } from '../../../gen/millrace/type/v1/type.ts';
import type { CascadeRun } from '../run.ts';
import type { Hydrated } from './hydrate.ts';

/** Candidates from the sources, or the bundle's vetted popular list. */
export async function retrieve(run: CascadeRun, hydrated: Hydrated): Promise<Candidates> {
  const candidates = await ask(run, hydrated, Candidates.empty);
  if (candidates !== undefined && candidates.count > 0) return candidates;
  run.degrade('candidates', DegradedReason.DEGRADED_REASON_FALLBACK_LIST);
  return fallbackCandidates(run.world.fallback, limitOf(run));
}

/** Candidates beside those retrieved and those that the request excludes; none where the stage does not answer. */
export async function moreCandidates(
  run: CascadeRun,
  hydrated: Hydrated,
  retrieved: Candidates,
): Promise<Candidates> {
  const known = new Set([...run.excluded(hydrated.user), ...retrieved.items]);
  const candidates = await ask(run, hydrated, new Candidates(new Uint32Array(known)));
  if (candidates === undefined) return Candidates.empty;
  return candidates.take([...candidates.items.keys()].filter((row) => !known.has(candidates.items[row])));
}

async function ask(
  run: CascadeRun,
  { state }: Hydrated,
  excluded: Candidates,
): Promise<Candidates | undefined> {
  const response = await run.attempt('candidates', (call) =>
    run.peers.candidates.retrieve(
      {
        context: run.contextFor('candidates', state),
        limit: limitOf(run),
        seeds: new Candidates(run.query.seeds),
        sources: [],
        excluded,
      },
      call,
    ),
  );
  for (const { name, error } of response?.sources ?? []) if (error !== '') run.sourceErrors[name] = error;
  return response?.candidates;
}

function limitOf({ query, world }: CascadeRun): number {
  return Math.max(query.limit, Math.round(world.config.candidates * world.quality.candidates.value));
}

const RRF_K = 60;

/** The vetted list as candidates, ranked by its own order. */
function fallbackCandidates(fallback: Uint32Array, limit: number): Candidates {
  const items = fallback.slice(0, limit);
  const rrf = Float32Array.from(items, (_, row) => 1 / (RRF_K + row + 1));
  return new Candidates(items, new Map([[Columns.rrf, rrf]]));
}
