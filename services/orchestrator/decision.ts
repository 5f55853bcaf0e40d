import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { type Candidates, Columns } from '../../common/columns.ts';
import { hash32, Random } from '../../common/random.ts';
import { type Decision, Event } from '../../gen/millrace/logging/v1/logging.ts';
import type { Query, Slate } from './run.ts';

/**
 * The record of an answer: the items shown with all their scores and a uniform sample of the scored candidates that were not
 * shown, drawn with a seed from the request id.
 */
export function decisionEvent(query: Query, slate: Slate, catalogue: Catalogue, sampleSize: number): Event {
  const { context } = query;
  const shown = new Set(slate.items.items);
  const others = Array.from(slate.ranked.items.keys()).filter((row) => !shown.has(slate.ranked.items[row]));
  const sampled = new Random(hash32(context.requestId)).shuffle(others).slice(0, sampleSize);
  const propensity = slate.items.columns.get(Columns.propensity);
  const ids = (ordinals: Uint32Array): string[] => Array.from(ordinals, (ordinal) => catalogue.idOf(ordinal));
  return Event.fromPartial({
    eventId: `decision-${context.requestId}`,
    timeMs: context.timeMs,
    decision: {
      requestId: context.requestId,
      userId: query.userId,
      context,
      userOffset: slate.user.offset,
      shown: decided(slate.items, Array.from(slate.items.items.keys()), catalogue, propensity),
      sample: decided(slate.ranked, sampled, catalogue),
      sampleProbability: others.length === 0 ? 1 : sampled.length / others.length,
      stages: [...slate.stages],
      degraded: [...slate.degraded],
      seedItems: ids(query.seeds),
      excludeItems: ids(query.excluded),
      policyVersion: slate.policyVersion,
      firings: firingTexts(slate, catalogue),
    } satisfies Partial<Decision>,
  });
}

/** The rules that took effect, as `rule: effect item`. */
export function firingTexts(slate: Slate, catalogue: Catalogue): string[] {
  return slate.firings.map(({ rule, effect, item }) => `${rule}: ${effect} ${catalogue.idOf(item)}`);
}

/** The scores of one row, by column. */
export function scoresOf(candidates: Candidates, row: number): Record<string, number> {
  const scores: Record<string, number> = {};
  for (const [name, values] of candidates.columns)
    if (name !== Columns.propensity) scores[name] = values[row];
  return scores;
}

function decided(
  candidates: Candidates,
  rows: number[],
  catalogue: Catalogue,
  propensity?: Float32Array,
): Decision['shown'] {
  return rows.map((row) => ({
    itemId: catalogue.idOf(candidates.items[row]),
    scores: scoresOf(candidates, row),
    propensity: propensity?.[row] ?? 0,
  }));
}
