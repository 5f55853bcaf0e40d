import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { type Candidates, Columns, rankColumn } from '../../common/columns.ts';
import { hash32, Random } from '../../common/random.ts';
import type { Decision, Event } from '../../gen/millrace/logging/v1/logging.ts';
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
  return {
    eventId: `decision-${context.requestId}`,
    timeMs: context.timeMs,
    decision: {
      requestId: context.requestId,
      userId: query.userId,
      context,
      userOffset: slate.user.offset,
      countersVersion: 0,
      shown: decided(slate.items, Array.from(slate.items.items.keys()), catalogue, propensity),
      sample: decided(slate.ranked, sampled, catalogue),
      sampleProbability: others.length === 0 ? 1 : sampled.length / others.length,
      stages: [...slate.stages],
      degraded: [...slate.degraded],
      seedItems: ids(query.seeds),
      excludeItems: ids(query.excluded),
      policyVersion: slate.policyVersion,
      firings: firingTexts(slate, catalogue),
    },
  };
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

interface RecordedColumn {
  readonly name: string;
  readonly values: Float32Array;
  /** For a source's column its ranks: the item has the score only where its rank is not 0. */
  readonly ranks: Float32Array | undefined;
}

const SOURCE_COLUMN = /^retrieval\.(.+)\.(?:rank|score)$/;

/** The columns of a record; those of sources are mostly empty. */
function recordedColumns({ columns }: Candidates): RecordedColumn[] {
  const recorded: RecordedColumn[] = [];
  for (const [name, values] of columns) {
    if (name === Columns.propensity) continue;
    const source = SOURCE_COLUMN.exec(name)?.[1];
    recorded.push({
      name,
      values,
      ranks: source === undefined ? undefined : columns.get(rankColumn(source)),
    });
  }
  return recorded;
}

function scoresIn(columns: readonly RecordedColumn[], row: number): Record<string, number> {
  const scores: Record<string, number> = {};
  for (const { name, values, ranks } of columns)
    if (ranks === undefined || ranks[row] !== 0) scores[name] = values[row];
  return scores;
}

function decided(
  candidates: Candidates,
  rows: number[],
  catalogue: Catalogue,
  propensity?: Float32Array,
): Decision['shown'] {
  const columns = recordedColumns(candidates);
  return rows.map((row) => ({
    itemId: catalogue.idOf(candidates.items[row]),
    scores: scoresIn(columns, row),
    propensity: propensity?.[row] ?? 0,
  }));
}
