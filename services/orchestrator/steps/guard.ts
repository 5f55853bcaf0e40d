import { Candidates, Columns } from '../../../common/columns.ts';
import { stageStatus } from '../../../common/stage.ts';
import { metrics } from '../../../common/telemetry/metrics.ts';
import { DegradedReason } from '../../../gen/millrace/type/v1/type.ts';
import type { CascadeRun, Slate } from '../run.ts';
import type { Choice } from './choose.ts';
import type { Hydrated } from './hydrate.ts';

/**
 * The last look at the list about to leave. What it removes is replaced by the best substitutes that pass and that no rule
 * excludes; if they are not enough the list stays short and says so.
 */
export function guard(
  run: CascadeRun,
  { user }: Hydrated,
  retrieved: Candidates,
  ranked: Candidates,
  { slate, substitutes }: Choice,
): Slate {
  const { query, world } = run;
  const startedAt = performance.now();
  run.stages.push(
    stageStatus('guard', { bundle: query.context.bundle, catalogueEpoch: world.catalogue.epoch }),
  );
  const removed = run.lastLook('guard', user, slate.items);
  for (const reason of removed) if (reason !== 0) metrics.guardRemovedTotal.inc({ reason });
  let admitted = kept(slate.items, removed, query.limit);
  if (admitted.length < query.limit) {
    const items = withSubstitutes(run, slate.items, substitutes);
    admitted = kept(items, run.lastLook('guard', user, items), query.limit);
  }
  run.stages[run.stages.length - 1].durationUs = Math.round((performance.now() - startedAt) * 1000);
  if (admitted.length < query.limit) run.degrade('guard', DegradedReason.DEGRADED_REASON_UNDERFILLED);
  return {
    items: gather(admitted, ranked, slate),
    retrieved,
    ranked,
    ranking: run.ranking,
    removed: run.removed,
    user,
    firings: run.firings,
    unmet: run.unmet,
    policyVersion: run.policyVersion,
    exploration: run.exploration,
    sourceErrors: run.sourceErrors,
    stages: run.stages,
    degraded: [...new Set(run.stages.flatMap((status) => status.degraded))],
  };
}

/** The first `limit` items that are not removed. */
function kept(items: Uint32Array, removed: Uint8Array, limit: number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < items.length && rows.length < limit; row++)
    if (removed[row] === 0) rows.push(items[row]);
  return rows;
}

/** The slate, then what may stand in for what is missing, without the items that a rule excluded. */
function withSubstitutes({ firings }: CascadeRun, slate: Uint32Array, substitutes: Uint32Array): Uint32Array {
  const excluded = new Set(firings.filter(({ effect }) => effect === 'exclude').map(({ item }) => item));
  return Uint32Array.of(...slate, ...substitutes.filter((item) => !excluded.has(item)));
}

/** The items with every column that they have anywhere; 0 where an item was not scored, and propensity 1 where none was drawn. */
function gather(items: number[], ranked: Candidates, slate: Candidates): Candidates {
  const columns = new Map<string, Float32Array>();
  for (const part of [ranked, slate]) {
    const rows = rowsOf(items, part.items);
    for (const [name, values] of part.columns) {
      const gathered = new Float32Array(items.length).fill(name === Columns.propensity ? 1 : 0);
      for (let at = 0; at < rows.length; at++) if (rows[at] >= 0) gathered[at] = values[rows[at]];
      columns.set(name, gathered);
    }
  }
  return new Candidates(Uint32Array.from(items), columns);
}

/** Where each of `wanted` stands in `items`; -1 if it does not. */
function rowsOf(wanted: readonly number[], items: Uint32Array): Int32Array {
  const rows = new Int32Array(wanted.length).fill(-1);
  const positions = new Map(wanted.map((item, at) => [item, at]));
  let left = wanted.length;
  for (let row = 0; row < items.length && left > 0; row++) {
    const at = positions.get(items[row]);
    if (at === undefined) continue;
    rows[at] = row;
    left--;
  }
  return rows;
}
