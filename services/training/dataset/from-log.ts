import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { CatalogueFold } from '../../../common/catalogue/fold.ts';
import { type LoggedEvent, readEventsOf } from '../../../common/log/events.ts';
import type { RecordReader } from '../../../common/log/record-log.ts';
import type { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action, type AttributeValue } from '../../../gen/millrace/type/v1/type.ts';
import { IdTable } from '../import/id-table.ts';

/** Feedback as columns of equal length, in log order. */
export interface FeedbackColumns {
  /** Index into `LogData.users`. */
  readonly user: Uint32Array;
  /** Item ordinal. */
  readonly item: Uint32Array;
  /** Values of `Action`. */
  readonly action: Uint8Array;
  /** NaN: none. */
  readonly value: Float32Array;
  readonly timeMs: Float64Array;
  readonly offset: Float64Array;
}

/** What training learns from: the log, folded. */
export interface LogData {
  /** Ids of the users, by index. */
  readonly users: readonly string[];
  /** Attributes of users at the end. */
  readonly profiles: ReadonlyMap<string, Readonly<Record<string, AttributeValue>>>;
  /** What changed users beside their feedback on items, in log order: see `isOfUser`. */
  readonly userEvents: readonly LoggedEvent[];
  readonly catalogue: Catalogue;
  readonly feedback: FeedbackColumns;
  /** Feedback on items that the catalogue never had: left out. */
  readonly unknownItems: number;
  /** One past the last event read. */
  readonly endOffset: number;
}

/** Whether the event is about a user and no item: attributes, or a statement of preference. */
export function isOfUser({ user, feedback }: Event): boolean {
  return user !== undefined || feedback?.action === Action.ACTION_PREFER;
}

/** Users' attributes after `events`, in the order in which users came. */
export function profilesAfter(events: readonly LoggedEvent[]): Map<string, Record<string, AttributeValue>> {
  const profiles = new Map<string, Record<string, AttributeValue>>();
  for (const { event } of events)
    if (event.user !== undefined) profiles.set(event.user.id, event.user.attributes);
  return profiles;
}

/** Reads a log up to `untilOffset`, exclusive; by default what it holds now. */
export async function readLog(log: RecordReader, untilOffset = log.endOffset): Promise<LogData> {
  const users = new IdTable();
  const userEvents: LoggedEvent[] = [];
  const columns = new ColumnsBuilder();
  const fold = new CatalogueFold();
  const { catalogue } = fold;
  let unknownItems = 0;
  let endOffset = 0;
  for await (const { offset, event } of readEventsOf(log)) {
    if (offset >= untilOffset) break;
    endOffset = offset + 1;
    if (event.catalogue !== undefined) fold.apply(event);
    else if (isOfUser(event)) userEvents.push({ offset, event });
    else if (event.feedback !== undefined) {
      const { userId, itemId, action, value } = event.feedback;
      const item = catalogue.ordinalEver(itemId);
      if (item === undefined) unknownItems++;
      else columns.push(users.intern(userId), item, action, value ?? Number.NaN, event.timeMs, offset);
    }
  }
  return {
    users: users.ids,
    profiles: profilesAfter(userEvents),
    userEvents,
    catalogue,
    feedback: columns.finish(),
    unknownItems,
    endOffset,
  };
}

type Columns = FeedbackColumns;

/** Columns that grow by doubling. */
class ColumnsBuilder {
  #columns = resized(undefined, 1024);
  #count = 0;

  push(user: number, item: number, action: number, value: number, timeMs: number, offset: number): void {
    if (this.#count === this.#columns.user.length) this.#columns = resized(this.#columns, this.#count * 2);
    const row = this.#count++;
    this.#columns.user[row] = user;
    this.#columns.item[row] = item;
    this.#columns.action[row] = action;
    this.#columns.value[row] = value;
    this.#columns.timeMs[row] = timeMs;
    this.#columns.offset[row] = offset;
  }

  finish(): Columns {
    return resized(this.#columns, this.#count);
  }
}

/** The first `rows` rows of `columns`, or as many as there are. */
function resized(columns: Columns | undefined, rows: number): Columns {
  const copied = <T extends Uint32Array | Uint8Array | Float32Array | Float64Array>(
    from: T | undefined,
    to: T,
  ): T => {
    if (from !== undefined) to.set(from.subarray(0, rows));
    return to;
  };
  return {
    user: copied(columns?.user, new Uint32Array(rows)),
    item: copied(columns?.item, new Uint32Array(rows)),
    action: copied(columns?.action, new Uint8Array(rows)),
    value: copied(columns?.value, new Float32Array(rows)),
    timeMs: copied(columns?.timeMs, new Float64Array(rows)),
    offset: copied(columns?.offset, new Float64Array(rows)),
  };
}
