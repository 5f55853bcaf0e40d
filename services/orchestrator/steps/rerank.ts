import type { Candidates } from '../../../common/columns.ts';
import type { CascadeRun } from '../run.ts';
import type { Hydrated } from './hydrate.ts';

/** The slate with the columns that the stage gives; undefined if the stage failed. */
export async function rerank(
  run: CascadeRun,
  { state }: Hydrated,
  ranked: Candidates,
): Promise<Candidates | undefined> {
  const { query } = run;
  const response = await run.attempt('reranking', (call) =>
    run.peers.reranking.rerank(
      {
        context: run.contextFor('reranking', state),
        candidates: run.candidatesFor('reranking', ranked),
        limit: query.limit,
        policy: '',
      },
      call,
    ),
  );
  if (response === undefined) return undefined;
  run.firings = response.firings;
  run.unmet = response.unmet;
  run.policyVersion = response.policyVersion;
  run.exploration = response.exploration;
  return response.candidates;
}
