import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { f32Of, isScoreColumn } from '../../../common/columns.ts';
import type { LoggedEvent } from '../../../common/log/events.ts';
import { isPositive } from '../../../common/user-state.ts';
import type { Decision, Feedback } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action, type RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import { IdTable } from '../import/id-table.ts';

/** What came of one item shown, within the window. */
interface Impression {
  /** Index into `Impressions.decisions`. */
  readonly decision: number;
  /** Item ordinal. */
  readonly item: number;
  /** Slot, 0 first. */
  readonly position: number;
  /** When it was shown, milliseconds since the Unix epoch. */
  readonly timeMs: number;
  readonly clicked: boolean;
  /** Any positive action. */
  readonly taken: boolean;
  /** Seconds watched; NaN: not watched. */
  readonly watchSeconds: number;
  /** The last rating; NaN: none. */
  readonly rating: number;
}

/** `Impression` as columns of equal length, by decision and position; flags are 0 or 1. */
export interface ImpressionColumns {
  readonly decision: Uint32Array;
  readonly item: Uint32Array;
  readonly position: Uint32Array;
  readonly timeMs: Float64Array;
  readonly clicked: Uint8Array;
  readonly taken: Uint8Array;
  readonly watchSeconds: Float32Array;
  readonly rating: Float32Array;
}

/** One answered request. */
export interface ShownList {
  readonly userId: string;
  readonly timeMs: number;
  /** The request's. */
  readonly context?: RequestContext;
  /** The log offset up to which the user's state was folded. */
  readonly userOffset: number;
  /** Probability of each item in its slot, given the earlier slots; 0 if unknown. */
  readonly propensities: Float32Array;
  /** Each score of the items shown, by column name and position; NaN where an item had none. */
  readonly scores: ReadonlyMap<string, Float32Array>;
  /** By score column: the largest of the request, or of the items recorded where the record does not tell. */
  readonly largestScores: Readonly<Record<string, number>>;
  /** Identifies what `features` mean; empty: there are none. */
  readonly featureSchema: string;
  /** What the ranker was fed, a row a slot, all as wide. */
  readonly features: Float32Array;
  /** 1 for each slot whose row in `features` was recorded. */
  readonly hasFeatures: Uint8Array;
}

export interface Impressions {
  readonly decisions: readonly ShownList[];
  readonly columns: ImpressionColumns;
  /** Impressions younger than the window at the end of the log: what they come to is not known yet. */
  readonly unripe: number;
  /** Items of answers that the client says it did not show, or that the catalogue never had. */
  readonly unseen: number;
}

interface Open {
  readonly timeMs: number;
  readonly first: number;
  readonly end: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Row = Mutable<Impression> & { seen: boolean };

const USER_STRIDE = 2 ** 28;
/** In windows: how long the join waits, by the time of decisions, for feedback or a decision that the log got late. */
const LATENESS = 2;

/** Hears of each decision, in the order of `Impressions.decisions`. */
export type OnDecision = (decision: Decision) => void;

/**
 * Joins what was shown, by decision records, with what people did within `windowMs` of it: by request and item, and for feedback
 * that names no request by the user's latest impression of the item. Where a client reports impressions of a request, the items
 * that it does not report were not shown. Impressions whose window is not over at the last event's time are set aside whatever
 * they came to so far: counting them as negatives, or only their positives, would both be wrong. One pass; what waits for
 * feedback is bounded by the window. Events may come in any order within `windowMs`.
 */
export async function joinImpressions(
  events: AsyncIterable<LoggedEvent> | Iterable<LoggedEvent>,
  catalogue: Catalogue,
  windowMs: number,
  untilOffset = Number.POSITIVE_INFINITY,
  onDecision?: OnDecision,
): Promise<Impressions> {
  const join = new ImpressionJoin(catalogue, windowMs);
  for await (const { offset, event } of events) {
    if (offset >= untilOffset) break;
    if (event.decision !== undefined) {
      join.decision(event.decision, event.timeMs);
      onDecision?.(event.decision);
    } else if (event.feedback !== undefined) join.feedback(event.feedback, event.timeMs);
  }
  return join.finish();
}

class ImpressionJoin {
  readonly #catalogue: Catalogue;
  readonly #windowMs: number;
  readonly #decisions: ShownList[] = [];
  readonly #rows: Row[] = [];
  readonly #users = new IdTable();
  readonly #openRequests = new Map<string, Open>();
  /** The latest impression of a user and an item, while it waits. */
  readonly #openPairs = new Map<number, number>();
  /** Feedback that came before its decision. */
  readonly #early = new Map<string, { timeMs: number; events: { feedback: Feedback; timeMs: number }[] }>();
  readonly #reported = new Set<number>();
  #unknown = 0;
  #endMs = Number.NEGATIVE_INFINITY;

  constructor(catalogue: Catalogue, windowMs: number) {
    this.#catalogue = catalogue;
    this.#windowMs = windowMs;
  }

  decision(decision: Decision, timeMs: number): void {
    const { requestId, userId, shown } = decision;
    this.#endMs = Math.max(this.#endMs, timeMs);
    this.#close(timeMs);
    const number = this.#decisions.push(shownListOf(decision, timeMs)) - 1;
    const first = this.#rows.length;
    const user = this.#users.intern(userId);
    shown.forEach(({ itemId }, position) => {
      const item = this.#catalogue.ordinalEver(itemId);
      if (item === undefined) {
        this.#unknown++;
        return;
      }
      this.#openPairs.set(user * USER_STRIDE + item, this.#rows.length);
      this.#rows.push({ decision: number, item, position, timeMs, ...NOTHING_YET });
    });
    this.#openRequests.set(requestId, { timeMs, first, end: this.#rows.length });
    const early = this.#early.get(requestId);
    this.#early.delete(requestId);
    for (const { feedback, timeMs } of early?.events ?? []) this.feedback(feedback, timeMs);
  }

  feedback(feedback: Feedback, timeMs: number): void {
    this.#endMs = Math.max(this.#endMs, timeMs);
    const { requestId, userId, itemId } = feedback;
    const item = this.#catalogue.ordinalEver(itemId);
    if (item === undefined) return;
    const open = this.#openRequests.get(requestId);
    if (requestId !== '' && open === undefined) {
      const early = this.#early.get(requestId) ?? { timeMs, events: [] };
      early.events.push({ feedback, timeMs });
      this.#early.set(requestId, early);
      return;
    }
    const at =
      open === undefined
        ? this.#openPairs.get((this.#users.find(userId) ?? -1) * USER_STRIDE + item)
        : this.#rowOf(open, item);
    if (at !== undefined) this.#apply(this.#rows[at], feedback, timeMs);
  }

  finish(): Impressions {
    let unripe = 0;
    let unseen = this.#unknown;
    const kept = this.#rows.filter(({ decision, seen, timeMs }) => {
      if (this.#reported.has(decision) && !seen) unseen++;
      else if (timeMs + this.#windowMs > this.#endMs) unripe++;
      else return true;
      return false;
    });
    return { decisions: this.#decisions, columns: columnsOf(kept), unripe, unseen };
  }

  #rowOf({ first, end }: Open, item: number): number | undefined {
    for (let row = first; row < end; row++) if (this.#rows[row].item === item) return row;
    return undefined;
  }

  #apply(row: Row, { action, value, requestId }: Feedback, timeMs: number): void {
    if (action === Action.ACTION_IMPRESSION) {
      if (requestId === '') return;
      this.#reported.add(row.decision);
      row.seen = true;
      row.timeMs = timeMs;
      return;
    }
    if (timeMs < this.#decisions[row.decision].timeMs || timeMs > row.timeMs + this.#windowMs) return;
    row.seen = true;
    if (action === Action.ACTION_CLICK) row.clicked = true;
    if (isPositive(action)) row.taken = true;
    if (action === Action.ACTION_WATCH && value !== undefined)
      row.watchSeconds = (Number.isNaN(row.watchSeconds) ? 0 : row.watchSeconds) + value;
    if (action === Action.ACTION_RATING && value !== undefined) row.rating = value;
  }

  /** Forgets the requests that no more feedback is waited for. */
  #close(nowMs: number): void {
    const before = nowMs - LATENESS * this.#windowMs;
    for (const [requestId, { timeMs, first, end }] of this.#openRequests) {
      if (timeMs >= before) break;
      this.#openRequests.delete(requestId);
      const { decision } = this.#rows[first] ?? {};
      for (let row = first; row < end; row++) {
        const user = this.#users.find(this.#decisions[decision as number].userId) as number;
        const pair = user * USER_STRIDE + this.#rows[row].item;
        if (this.#openPairs.get(pair) === row) this.#openPairs.delete(pair);
      }
    }
    for (const [requestId, { timeMs }] of this.#early) {
      if (timeMs >= before) break;
      this.#early.delete(requestId);
    }
  }
}

/** The list that a decision made at `timeMs` records. */
export function shownListOf(decision: Decision, timeMs: number): ShownList {
  const { userId, userOffset, shown, sample, context } = decision;
  return {
    userId,
    timeMs,
    ...(context && { context }),
    userOffset,
    propensities: Float32Array.from(shown, ({ propensity }) => propensity),
    scores: scoresOf(shown),
    largestScores: decision.rankingEpoch > 0 ? decision.largestScores : largestOf([...shown, ...sample]),
    ...featuresOf(decision),
  };
}

function scoresOf(shown: Decision['shown']): Map<string, Float32Array> {
  const columns = new Map<string, Float32Array>();
  shown.forEach(({ scores }, position) => {
    for (const [name, score] of Object.entries(scores)) {
      const column = columns.get(name) ?? new Float32Array(shown.length).fill(Number.NaN);
      column[position] = score;
      columns.set(name, column);
    }
  });
  return columns;
}

function largestOf(items: Decision['shown']): Record<string, number> {
  const largest: Record<string, number> = {};
  for (const { scores } of items)
    for (const [name, score] of Object.entries(scores))
      if (isScoreColumn(name)) largest[name] = Math.max(score, largest[name] ?? 0);
  return largest;
}

function featuresOf({
  featureSchema,
  shown,
}: Decision): Pick<ShownList, 'featureSchema' | 'features' | 'hasFeatures'> {
  const hasFeatures = Uint8Array.from(shown, ({ features }) => Number(features.length > 0));
  const bytes = shown.find(({ features }) => features.length > 0)?.features.length ?? 0;
  const rows = Buffer.concat(
    shown.map(({ features }) => (features.length > 0 ? features : Buffer.alloc(bytes))),
  );
  return { featureSchema: bytes === 0 ? '' : featureSchema, features: f32Of(rows), hasFeatures };
}

const NOTHING_YET = {
  clicked: false,
  taken: false,
  watchSeconds: Number.NaN,
  rating: Number.NaN,
  seen: false,
};

function columnsOf(rows: readonly Row[]): ImpressionColumns {
  return {
    decision: Uint32Array.from(rows, ({ decision }) => decision),
    item: Uint32Array.from(rows, ({ item }) => item),
    position: Uint32Array.from(rows, ({ position }) => position),
    timeMs: Float64Array.from(rows, ({ timeMs }) => timeMs),
    clicked: Uint8Array.from(rows, ({ clicked }) => Number(clicked)),
    taken: Uint8Array.from(rows, ({ taken }) => Number(taken)),
    watchSeconds: Float32Array.from(rows, ({ watchSeconds }) => watchSeconds),
    rating: Float32Array.from(rows, ({ rating }) => rating),
  };
}
