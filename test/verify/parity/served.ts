import { f32Of } from '../../../common/columns.ts';
import type { LoggedEvent } from '../../../common/log/events.ts';
import type { Decision } from '../../../gen/millrace/logging/v1/logging.ts';
import type { RequestContext } from '../../../gen/millrace/type/v1/type.ts';

/** What a decision record says of its ranked rows, shown and sampled ones, and of what ranking saw. */
export interface Served {
  /** Of the record itself. */
  readonly offset: number;
  readonly requestId: string;
  readonly userId: string;
  readonly timeMs: number;
  /** The request's. */
  readonly context: RequestContext | undefined;
  readonly bundle: string;
  readonly userOffset: number;
  readonly countersVersion: number;
  readonly epoch: number;
  readonly featureSchema: string;
  readonly largestScores: Readonly<Record<string, number>>;
  /** Ids, a row each. */
  readonly items: readonly string[];
  /** The retrieval columns; 0 where a row had no such score, as in the request. */
  readonly columns: ReadonlyMap<string, Float32Array>;
  /** The served rows, rows × width. */
  readonly features: Float32Array;
}

/** The decisions that recorded features, and how many did not. */
export async function readServed(
  events: AsyncIterable<LoggedEvent>,
): Promise<{ served: Served[]; without: number }> {
  const served: Served[] = [];
  let without = 0;
  for await (const { offset, event } of events) {
    const { decision, timeMs } = event;
    if (decision === undefined) continue;
    if (decision.featureSchema === '') without++;
    else served.push(servedOf(decision, timeMs, offset));
  }
  return { served, without };
}

function servedOf(decision: Decision, timeMs: number, offset: number): Served {
  const rows = [...decision.shown, ...decision.sample].filter(({ features }) => features.length > 0);
  const { requestId, userId, userOffset, countersVersion, featureSchema, largestScores } = decision;
  return {
    offset,
    requestId,
    userId,
    timeMs,
    context: decision.context,
    bundle: decision.context?.bundle ?? '',
    userOffset,
    countersVersion,
    epoch: decision.rankingEpoch,
    featureSchema,
    largestScores,
    items: rows.map(({ itemId }) => itemId),
    columns: retrievalColumns(rows),
    features: f32Of(Buffer.concat(rows.map(({ features }) => features))),
  };
}

function retrievalColumns(rows: Decision['shown']): Map<string, Float32Array> {
  const columns = new Map<string, Float32Array>();
  for (const [row, { scores }] of rows.entries()) {
    for (const [name, score] of Object.entries(scores)) {
      if (!name.startsWith('retrieval.')) continue;
      let column = columns.get(name);
      if (column === undefined) {
        column = new Float32Array(rows.length);
        columns.set(name, column);
      }
      column[row] = score;
    }
  }
  return columns;
}
