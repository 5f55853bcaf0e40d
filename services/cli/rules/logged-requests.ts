import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { Candidates, Columns } from '../../../common/columns.ts';
import { decodeEvent, peekEvent } from '../../../common/log/events.ts';
import type { RecordReader } from '../../../common/log/record-log.ts';
import { type DecidedItem, type Decision, EventKind } from '../../../gen/millrace/logging/v1/logging.ts';
import { RequestContext } from '../../../gen/millrace/type/v1/type.ts';
import type { Progress } from '../../training/progress.ts';

const RECORDS_AT_ONCE = 4_096;

/** A request as its decision record has it. */
export interface LoggedRequest {
  readonly context: RequestContext;
  readonly timeMs: number;
  /** How many items were shown. */
  readonly limit: number;
  /** The recorded candidates, those shown and the sample of the others, with the scores that all of them have. */
  readonly candidates: Candidates;
}

/** The latest decisions of the log, the newest first: at most `requestsMax`, none before `sinceMs`. */
export async function latestDecisions(
  log: RecordReader,
  { requestsMax, sinceMs }: { requestsMax: number; sinceMs: number },
  progress: Progress,
): Promise<Decision[]> {
  const decisions: Decision[] = [];
  let end = log.endOffset;
  while (end > log.firstOffset && decisions.length < requestsMax) {
    const start = Math.max(log.firstOffset, end - RECORDS_AT_ONCE);
    const found: Decision[] = [];
    let isOlder = false;
    for (let offset = start; offset < end; ) {
      const { payloads } = await log.read(offset, { recordsMax: end - offset });
      for (const payload of payloads) {
        if (payload.length === 0 || peekEvent(payload).kind !== EventKind.EVENT_KIND_DECISION) continue;
        const { decision, timeMs } = decodeEvent(payload);
        if (timeMs < sinceMs) isOlder = true;
        else if (decision !== undefined) found.push(decision);
      }
      offset += payloads.length;
    }
    decisions.push(...found.reverse());
    progress('reading requests', Math.min(decisions.length, requestsMax), requestsMax);
    end = isOlder ? log.firstOffset : start;
  }
  return decisions.slice(0, requestsMax);
}

/** What a rule can be tried on; undefined where the record has no ranking scores or no item that the catalogue has. */
export function loggedRequest(decision: Decision, catalogue: Catalogue): LoggedRequest | undefined {
  const known = new Map<number, DecidedItem>();
  for (const item of [...decision.shown, ...decision.sample]) {
    const ordinal = catalogue.ordinalOf(item.itemId);
    if (ordinal !== undefined && item.scores[Columns.ranking] !== undefined) known.set(ordinal, item);
  }
  if (known.size === 0 || decision.shown.length === 0) return undefined;
  const items = [...known.values()];
  const names = Object.keys(items[0].scores).filter((name) => items.every(({ scores }) => name in scores));
  const columns = names
    .filter((name) => name !== Columns.reranking)
    .map((name): [string, Float32Array] => [name, Float32Array.from(items, ({ scores }) => scores[name])]);
  const context = decision.context ?? RequestContext.create();
  return {
    context,
    timeMs: context.timeMs,
    limit: decision.shown.length,
    candidates: new Candidates(Uint32Array.from(known.keys()), new Map(columns)),
  };
}
