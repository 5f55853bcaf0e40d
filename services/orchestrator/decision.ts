import type { Catalogue } from '../../common/catalogue/catalogue.ts';
import { type Candidates, Columns, rankColumn, secondStageColumns } from '../../common/columns.ts';
import { largestScores } from '../../common/features/vectoriser.ts';
import { hash32, Random } from '../../common/random.ts';
import type { Decision, Event } from '../../gen/millrace/logging/v1/logging.ts';
import type { Exploration } from '../../gen/millrace/type/v1/type.ts';
import type { Query, Slate } from './run.ts';

/**
 * The record of an answer: the items shown with all their scores and a uniform sample of the scored candidates that were not
 * shown, drawn with a seed from the request id.
 */
export function decisionEvent(query: Query, slate: Slate, catalogue: Catalogue, sampleSize: number): Event {
  const { context } = query;
  const { ranked, ranking } = slate;
  const shown = new Map(Array.from(slate.items.items, (item) => [item, NOT_RANKED]));
  const others: number[] = [];
  for (let row = 0; row < ranked.count; row++) {
    if (shown.has(ranked.items[row])) shown.set(ranked.items[row], row);
    else others.push(row);
  }
  const sampled = new Random(hash32(context.requestId)).shuffle(others).slice(0, sampleSize);
  const propensity = slate.items.columns.get(Columns.propensity);
  const featuresOf = rowCopier(slate);
  const ids = (ordinals: Uint32Array): string[] => Array.from(ordinals, (ordinal) => catalogue.idOf(ordinal));
  return {
    eventId: `decision-${context.requestId}`,
    timeMs: context.timeMs,
    decision: {
      requestId: context.requestId,
      userId: query.userId,
      context,
      userOffset: slate.user.offset,
      countersVersion: ranking?.countersVersion ?? 0,
      shown: decided(slate.items, Array.from(slate.items.items.keys()), catalogue, {
        propensity,
        features: [...shown.values()].map(featuresOf),
      }),
      sample: decided(ranked, sampled, catalogue, { features: sampled.map(featuresOf) }),
      sampleProbability: others.length === 0 ? 1 : sampled.length / others.length,
      stages: [...slate.stages],
      degraded: [...slate.degraded],
      seedItems: ids(query.seeds),
      excludeItems: ids(query.excluded),
      policyVersion: slate.policyVersion,
      exploration: shownDraws(slate.exploration, ids(slate.items.items)),
      firings: firingTexts(slate, catalogue),
      unmet: unmetTexts(slate),
      featureSchema: ranking?.featureSchema ?? '',
      rankingEpoch: ranking?.catalogueEpoch ?? 0,
      largestScores: ranking === undefined ? {} : largestScores(ranked),
    },
  };
}

/** The draws whose items were shown, with the positions that they were shown in: the last look may have moved or removed some. */
export function shownDraws(draws: readonly Exploration[], shownIds: readonly string[]): Exploration[] {
  const shown: Exploration[] = [];
  for (const draw of draws) {
    const slot = draw.slot === undefined ? undefined : shownIds.indexOf(draw.arms[draw.chosen].arm);
    if (slot !== -1) shown.push({ ...draw, slot });
  }
  return shown;
}

/** Whether the record of a request holds what the ranker's model was fed: so for `share` of all, by their id. */
export function recordsFeatures(requestId: string, share: number): boolean {
  return hash32(`features ${requestId}`) < share * 2 ** 32;
}

const NOT_RANKED = -1;
const NO_BYTES = Buffer.alloc(0);

/** Copies the features of a row of `ranked`; no bytes where there are none. */
function rowCopier({ ranked, ranking }: Slate): (row: number) => Buffer {
  if (ranking === undefined || ranking.features.length === 0) return () => NO_BYTES;
  const { features, rows } = ranking;
  const bytes = features.length / ranked.count;
  return (row) => {
    if (row === NOT_RANKED) return NO_BYTES;
    const from = rows[row] * bytes;
    return Buffer.from(features.subarray(from, from + bytes));
  };
}

/** What the slate does not keep, as `constraint: slots`. */
export function unmetTexts({ unmet }: Slate): string[] {
  return unmet.map(({ constraint, slots }) => `${constraint}: ${slots}`);
}

/** The rules that took effect, as `rule: effect item`. */
export function firingTexts(slate: Slate, catalogue: Catalogue): string[] {
  return slate.firings.map(({ rule, effect, item }) => `${rule}: ${effect} ${catalogue.idOf(item)}`);
}

interface RecordedColumn {
  readonly name: string;
  readonly values: Float32Array;
  /** For a column of a source, or of the second stage, its ranks: the item has the score only where its rank is not 0. */
  readonly ranks: Float32Array | undefined;
}

const SECOND_STAGE: ReadonlySet<string> = new Set(secondStageColumns);
const SOURCE_COLUMN = /^retrieval\.(.+)\.(?:rank|score)$/;

function recordedColumns({ columns }: Candidates): RecordedColumn[] {
  const recorded: RecordedColumn[] = [];
  for (const [name, values] of columns)
    if (name !== Columns.propensity) recorded.push({ name, values, ranks: columns.get(ranksOf(name)) });
  return recorded;
}

/** The column of ranks that says whether an item has a score of that name; empty: every item does. */
function ranksOf(name: string): string {
  if (SECOND_STAGE.has(name)) return Columns.secondRank;
  const source = SOURCE_COLUMN.exec(name)?.[1];
  return source === undefined ? '' : rankColumn(source);
}

/** Answers a row's scores by column: those that the item has. */
export function scoreReader(candidates: Candidates): (row: number) => Record<string, number> {
  const columns = recordedColumns(candidates);
  return (row) => {
    const scores: Record<string, number> = {};
    for (const { name, values, ranks } of columns)
      if (ranks === undefined || ranks[row] !== 0) scores[name] = values[row];
    return scores;
  };
}

function decided(
  candidates: Candidates,
  rows: number[],
  catalogue: Catalogue,
  own: { propensity?: Float32Array | undefined; features: readonly Buffer[] },
): Decision['shown'] {
  const scoresOf = scoreReader(candidates);
  return rows.map((row, i) => ({
    itemId: catalogue.idOf(candidates.items[row]),
    scores: scoresOf(row),
    propensity: own.propensity?.[row] ?? 0,
    features: own.features[i],
  }));
}
