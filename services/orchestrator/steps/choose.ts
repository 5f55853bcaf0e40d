import { Candidates, Columns } from '../../../common/columns.ts';
import type { CascadeRun } from '../run.ts';
import type { Hydrated } from './hydrate.ts';
import { rerank } from './rerank.ts';

/** How far the scores of items that nobody ranked stand below the least of ranking, and below each other. */
const STEP = 1e-4;

/** A slate, and what may stand in for items that the last look takes out of it, best first. */
export interface Choice {
  readonly slate: Candidates;
  readonly substitutes: Uint32Array;
}

/**
 * The slate of the re-ranking stage. One that comes out short is chosen again with the bundle's vetted popular items behind the
 * candidates, so that the rules see every item that fills it up. While the stage is away: the ranking's best, then the popular ones.
 */
export async function choose(run: CascadeRun, hydrated: Hydrated, ranked: Candidates): Promise<Choice> {
  const { limit } = run.query;
  const slate = await rerank(run, hydrated, ranked);
  if (slate !== undefined && slate.count >= limit) return { slate, substitutes: ranked.items };
  const pool = withPopular(run, hydrated, ranked);
  if (slate === undefined) return { slate: asSlate(pool, limit), substitutes: pool.items };
  const fuller = pool.count === ranked.count ? undefined : await rerank(run, hydrated, pool);
  return fuller === undefined
    ? { slate, substitutes: ranked.items }
    : { slate: fuller, substitutes: pool.items };
}

/** The candidates, and below them the popular items that are none of them and may be shown. */
function withPopular(run: CascadeRun, { user }: Hydrated, ranked: Candidates): Candidates {
  const known = new Set(ranked.items);
  const others = run.world.fallback.filter((item) => !known.has(item));
  const removed = run.lastLook('guard', user, others);
  const popular = others.filter((_, row) => removed[row] === 0);
  const items = Uint32Array.of(...ranked.items, ...popular);
  const columns = new Map<string, Float32Array>();
  for (const [name, values] of ranked.columns) {
    const longer = new Float32Array(items.length);
    longer.set(values);
    columns.set(name, longer);
  }
  const scores = columns.get(Columns.ranking) as Float32Array;
  const least = ranked.column(Columns.ranking).reduce((a, b) => Math.min(a, b), 0);
  const step = STEP * Math.max(1, Math.abs(least));
  for (let row = ranked.count; row < items.length; row++)
    scores[row] = least - step * (row - ranked.count + 1);
  return new Candidates(items, columns);
}

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
