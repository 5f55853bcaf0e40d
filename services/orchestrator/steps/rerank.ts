import { Candidates, Columns } from '../../../common/columns.ts';
import type { CascadeRun } from '../run.ts';

/** The slate with the columns that the stage gives; the ranking's best while the re-ranking stage is away. */
export async function rerank(run: CascadeRun, ranked: Candidates): Promise<Candidates> {
  const { query } = run;
  const response = await run.attempt('reranking', (call) =>
    run.peers.reranking.rerank(
      {
        context: run.contextFor('reranking', NO_STATE),
        candidates: run.candidatesFor('reranking', ranked),
        limit: query.limit,
        policy: '',
      },
      call,
    ),
  );
  if (response === undefined) return asSlate(ranked, query.limit);
  run.firings = response.firings;
  run.unmet = response.unmet;
  run.policyVersion = response.policyVersion;
  run.exploration = response.exploration;
  return response.candidates;
}

const NO_STATE = new Uint8Array(0);

/** The first rows as a slate that was not drawn. */
function asSlate(ranked: Candidates, limit: number): Candidates {
  const items = ranked.items.slice(0, limit);
  return new Candidates(
    items,
    new Map([
      [Columns.reranking, ranked.column(Columns.ranking).slice(0, limit)],
      [Columns.propensity, new Float32Array(items.length).fill(1)],
    ]),
  );
}
