import { Candidates, Columns, rankColumn, scoreColumn } from '../../common/columns.ts';
import { ItemColumns } from '../../common/features/item-columns.ts';
import type { FeatureSchema } from '../../common/features/schema.ts';
import { Vectoriser } from '../../common/features/vectoriser.ts';
import type { UserLimits } from '../../common/users/user-record.ts';
import type { LogData } from './dataset/from-log.ts';
import type { ShownList } from './dataset/impressions.ts';
import type { PairSet } from './positives.ts';
import { replayBefore } from './replay.ts';

/** Items of one decision. */
export interface ShownItems {
  readonly shown: ShownList;
  /** Ordinals. */
  readonly items: readonly number[];
  /** The place of each in `shown`. */
  readonly positions: readonly number[];
}

/** One list's rows. */
export interface ListRows {
  /** Of the list. */
  readonly index: number;
  /** A row an item, as wide as the schema. */
  readonly rows: Float32Array;
}

/** What the log must be replayed with where a decision did not record the features asked for. */
export interface Replayed {
  readonly data: LogData;
  /** Pairs whose events are passed over. */
  readonly never: PairSet;
  readonly limits: UserLimits;
}

/**
 * The features of each list in the order of the log: those that the ranker was fed, as the decision recorded them; where it did not, or by
 * another schema, made from the scores that it recorded, with the state and the item counters of its moment.
 */
export function* rowsOfLists(
  lists: readonly ShownItems[],
  schema: FeatureSchema,
  { data, never, limits }: Replayed,
): Generator<ListRows> {
  const vectoriser = new Vectoriser(new ItemColumns(data.catalogue), schema);
  const offsets = lists.map(({ shown }) => shown.userOffset);
  for (const { index, fold, counters } of replayBefore(data, offsets, never, limits)) {
    const list = lists[index];
    const { shown } = list;
    const rows =
      recordedRows(list, schema) ??
      vectoriser.vectorise({
        candidates: candidatesOf(list, schema),
        user: fold.state(shown.userId, shown.userOffset),
        timeMs: shown.timeMs,
        counters: counters.view(),
        largestScores: shown.largestScores,
        context: shown.context,
      });
    yield { index, rows };
  }
}

/** The list's rows as they were served; undefined unless all were recorded, by this schema. */
export function recordedRows(
  { shown, positions }: Pick<ShownItems, 'shown' | 'positions'>,
  { hash, width }: FeatureSchema,
): Float32Array | undefined {
  const { featureSchema, features, hasFeatures } = shown;
  if (featureSchema !== hash || features.length !== hasFeatures.length * width) return undefined;
  if (!positions.every((slot) => hasFeatures[slot] === 1)) return undefined;
  const rows = new Float32Array(positions.length * width);
  for (const [row, slot] of positions.entries())
    rows.set(features.subarray(slot * width, (slot + 1) * width), row * width);
  return rows;
}

/** The list as candidates with the columns that the schema knows. */
function candidatesOf({ shown, items, positions }: ShownItems, { sources }: FeatureSchema): Candidates {
  const column = (name: string): Float32Array => {
    const recorded = shown.scores.get(name);
    return Float32Array.from(positions, (slot) => orNone(recorded?.[slot]));
  };
  const names = sources.flatMap((source) => [rankColumn(source), scoreColumn(source)]);
  const columns = new Map([Columns.rrf, ...names].map((name) => [name, column(name)]));
  return new Candidates(Uint32Array.from(items), columns);
}

/** 0, as in a request, where an item has no such score. */
function orNone(score: number | undefined): number {
  return score === undefined || Number.isNaN(score) ? 0 : score;
}
