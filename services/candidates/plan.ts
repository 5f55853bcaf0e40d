import { WARM_POSITIVES } from './config.ts';
import type { OpenSource } from './sources/table.ts';

/** One source with the rows that it is asked for; at least 1. */
export interface Order {
  readonly asked: OpenSource;
  readonly quota: number;
}

export interface PlanContext {
  /** Distinct items that the user took up. */
  readonly positives: number;
  /** True if the request names its own query. */
  readonly seeded: boolean;
  /** Sources that the request names; empty: all. */
  readonly names: readonly string[];
  /** Share of the usual work, in (0, 1]. */
  readonly quality: number;
}

const FILLER = 'popularity';

/**
 * Whom to ask for how much. Personal sources get min(1, positives / 10) of their quota, and popularity what they lose, so that
 * it leads for newcomers and steps back for others; without popularity they get all. Seeds are the query in place of the
 * user: all of it to personal sources, and the others, which would answer something else, only if the request names them.
 */
export function plan(
  sources: readonly OpenSource[],
  { positives, seeded, names, quality }: PlanContext,
): Order[] {
  const asked = sources.filter(({ name, personal }) =>
    names.length > 0 ? names.includes(name) : personal || !seeded,
  );
  const phasedIn = seeded || !asked.some(({ name }) => name === FILLER);
  const personalShare = phasedIn ? 1 : Math.min(1, positives / WARM_POSITIVES);
  let left = 0;
  const quotas = asked.map(({ personal, quota }) => {
    const whole = Math.max(1, Math.round(quota * quality));
    const part = personal ? Math.round(whole * personalShare) : whole;
    left += whole - part;
    return part;
  });
  return asked
    .map((source, i) => ({ asked: source, quota: quotas[i] + (source.name === FILLER ? left : 0) }))
    .filter(({ quota }) => quota > 0);
}
