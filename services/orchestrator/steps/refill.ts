import { Candidates, Columns } from '../../../common/columns.ts';
import { DegradedReason } from '../../../gen/millrace/type/v1/type.ts';
import type { CascadeRun } from '../run.ts';
import { filter } from './filter.ts';
import type { Hydrated } from './hydrate.ts';
import { moreCandidates } from './retrieve.ts';

/** All that was retrieved, and what of it may be shown. */
export interface Pool {
  readonly retrieved: Candidates;
  readonly kept: Candidates;
}

/**
 * The candidates that may be shown. Where they do not fill the list, those that retrieval finds beyond what it gave are filtered
 * too, once; that is all there is then.
 */
export async function refill(run: CascadeRun, hydrated: Hydrated, { retrieved, kept }: Pool): Promise<Pool> {
  if (kept.count >= run.query.limit || standIn(run)) return { retrieved, kept };
  const more = await moreCandidates(run, hydrated, retrieved);
  if (more.count === 0) return { retrieved, kept };
  const behind = behindAll(more, retrieved);
  return {
    retrieved: joined(retrieved, behind),
    kept: joined(kept, await filter(run, hydrated, behind)),
  };
}

/** Whether the candidates stage has failed already. */
function standIn({ stages }: CascadeRun): boolean {
  return stages.some(({ degraded }) => degraded.includes(DegradedReason.DEGRADED_REASON_FALLBACK_LIST));
}

/** `more` as later rows of the same retrieval: ranks go on after the last one of each source, fused scores are below all earlier ones. */
function behindAll(more: Candidates, before: Candidates): Candidates {
  const columns = new Map(more.columns);
  for (const [name, ranks] of more.columns) {
    const earlier = before.columns.get(name);
    if (earlier === undefined) continue;
    if (name.endsWith('.rank')) {
      const last = earlier.reduce((a, b) => Math.max(a, b), 0);
      columns.set(
        name,
        ranks.map((rank) => (rank === 0 ? 0 : rank + last)),
      );
    } else if (name === Columns.rrf) {
      const least = earlier.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
      const scale = Math.min(1, least / ranks[0]);
      columns.set(
        name,
        ranks.map((score) => score * scale),
      );
    }
  }
  return new Candidates(more.items, columns);
}

/** The rows of both, 0 in a column that one of them lacks. */
function joined(first: Candidates, second: Candidates): Candidates {
  const count = first.count + second.count;
  const items = new Uint32Array(count);
  items.set(first.items);
  items.set(second.items, first.count);
  const columns = new Map<string, Float32Array>();
  for (const name of new Set([...first.columns.keys(), ...second.columns.keys()])) {
    const values = new Float32Array(count);
    values.set(first.columns.get(name) ?? []);
    values.set(second.columns.get(name) ?? [], first.count);
    columns.set(name, values);
  }
  return new Candidates(items, columns);
}
