import { createHash } from 'node:crypto';
import { ACTION_BY_NAME } from '../../../common/actions.ts';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { CatalogueFold } from '../../../common/catalogue/fold.ts';
import { batchName, changeEvents, checkItem, upsertChanges } from '../../../common/catalogue/writer.ts';
import { bytesOf } from '../../../common/columns.ts';
import { MillraceError } from '../../../common/errors.ts';
import { LogError } from '../../../common/log/errors.ts';
import { readEventsOf, recordOf } from '../../../common/log/events.ts';
import type { LogRecord, RecordLog } from '../../../common/log/record-log.ts';
import { FRIENDS_ATTRIBUTE } from '../../../common/users/friends.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import type { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import type { AttributeValue as WireAttribute } from '../../../gen/millrace/type/v1/type.ts';
import type { Dataset } from './dataset.ts';
import { RowFault } from './report.ts';
import type { AttributeValue, ItemRow, UserRow } from './rows.ts';

/** What goes into the log; `actions` are names of `ACTION_BY_NAME`. */
export interface LogSource
  extends Pick<Dataset, 'users' | 'items' | 'userRows' | 'actions' | 'interactions'> {
  /** How many of `items`, at the end, are known by their id alone. */
  readonly bareItems: number;
  /** The slot of each interaction, from 0; -1 where no list showed the item. */
  readonly positions?: Int16Array;
}

export interface LogImport {
  /** False where the log had the same content already: nothing was written. */
  readonly imported: boolean;
  /** Items written: those that the catalogue did not have as they are. */
  readonly items: number;
  readonly users: number;
  readonly interactions: number;
  /** Rows of users and interactions left out, as they are of people who asked to be forgotten. */
  readonly forgotten: number;
  /** Offset of the first event written. */
  readonly firstOffset: number;
}

interface ImportOptions {
  readonly onProgress?: (done: number, total: number) => void;
  /** See `ForgetRequests`. */
  readonly forgottenUntilMs?: (userId: string) => number;
}

/**
 * Appends a data set to the log. Items come first in their order, so that new ones get ordinals in that order, then users, then
 * interactions by (time, item, row). Event ids come from a hash of the content, by which content that is there already is
 * recognised. What a user did up to `forgottenUntilMs` is left out. All or nothing in local segments; in NATS an import that ended early is completed by doing it again.
 */
export async function importIntoLog(
  log: RecordLog,
  source: LogSource,
  { onProgress = () => {}, forgottenUntilMs = () => Number.NEGATIVE_INFINITY }: ImportOptions = {},
): Promise<LogImport> {
  const hash = contentHash(source);
  const prefix = `import-${hash}-`;
  const rows = source.userRows.length + source.interactions.item.length;
  const order = orderOf(source);
  const left = forgottenRows(source, order, forgottenUntilMs);
  const forgotten = sumOf(left);
  const users = source.userRows.length - sumOf(left.subarray(0, source.userRows.length));
  const { known, present } = await readKnown(log, prefix, left);
  if (present.count > 0 && present.count + forgotten >= rows)
    return { ...NOTHING, forgotten, firstOffset: log.endOffset };
  const items = changedItems(source, known.catalogue);
  const total = items.length + rows - forgotten;
  if (total === 0) return { ...NOTHING, forgotten, firstOffset: log.endOffset };
  const described = { ...source, userRows: unfriended(source, forgottenUntilMs) };
  const events = eventsOf(described, items, known, { hash, order });
  const missing = withoutPresent(events, prefix, present.numbers);
  const firstOffset = await log.importAll(asRecords(missing, total, onProgress)).catch((error) => {
    if (!(log.mayKeepRejected && error instanceof LogError)) throw error;
    throw new MillraceError(
      'LOG_UNAVAILABLE',
      `${error.message}; the import ended early and the log keeps what it took: run the same import again, it adds the rest`,
      { cause: error },
    );
  });
  return {
    imported: true,
    items: items.length,
    users,
    interactions: rows - forgotten - users,
    forgotten,
    firstOffset,
  };
}

const NOTHING = { imported: false, items: 0, users: 0, interactions: 0, forgotten: 0 };

function contentHash({ users, items, userRows, actions, interactions, positions }: LogSource): string {
  const hash = createHash('sha256').update(JSON.stringify([users, items, userRows, actions]));
  const { user, item, action, value, timeMs } = interactions;
  for (const column of [user, item, action, value, timeMs]) hash.update(bytesOf(column));
  if (positions !== undefined) hash.update(new Uint8Array(positions.buffer));
  return hash.digest('hex').slice(0, 24);
}

function sumOf(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}

/** The rows of interactions by (time, item, row). */
function orderOf({ interactions: { item, timeMs } }: LogSource): Uint32Array {
  const order = Uint32Array.from(item, (_, row) => row);
  return order.sort((a, b) => timeMs[a] - timeMs[b] || item[a] - item[b] || a - b);
}

/** 1 where the event of that number is forgotten: rows of users come first, then interactions in their order. */
function forgottenRows(
  source: LogSource,
  order: Uint32Array,
  forgottenUntilMs: (userId: string) => number,
): Uint8Array {
  const { users, userRows, interactions } = source;
  const beginMs = beginMsOf(source);
  const untilMs = Float64Array.from(users, forgottenUntilMs);
  const rows = new Uint8Array(userRows.length + order.length);
  for (const [i, { id }] of userRows.entries()) rows[i] = beginMs <= forgottenUntilMs(id) ? 1 : 0;
  for (const [i, row] of order.entries())
    rows[userRows.length + i] = interactions.timeMs[row] <= untilMs[interactions.user[row]] ? 1 : 0;
  return rows;
}

/** What describes users, without friends who are forgotten. */
function unfriended(source: LogSource, forgottenUntilMs: (userId: string) => number): UserRow[] {
  const beginMs = beginMsOf(source);
  return source.userRows.map(({ id, attributes }) => {
    const { [FRIENDS_ATTRIBUTE]: friends, ...others } = attributes;
    if (!Array.isArray(friends)) return { id, attributes };
    const left = friends.filter((friend) => beginMs > forgottenUntilMs(friend));
    return { id, attributes: left.length === 0 ? others : { ...others, [FRIENDS_ATTRIBUTE]: left } };
  });
}

/** What of an import a log has: how many of its events, and which of those with a number, or are not to be there. */
interface Present {
  readonly count: number;
  readonly numbers: Uint8Array;
}

/** The catalogue as the log has it, and which events with the prefix it has; `left`: 1 for those that are not to be there. */
async function readKnown(
  log: RecordLog,
  prefix: string,
  left: Uint8Array,
): Promise<{ known: CatalogueFold; present: Present }> {
  const known = new CatalogueFold();
  const numbers = left.slice();
  let count = 0;
  for await (const { event } of readEventsOf(log)) {
    if (event.eventId.startsWith(prefix)) {
      if (event.catalogue === undefined) numbers[numberOf(event, prefix)] = 1;
      if (event.catalogue === undefined ? left[numberOf(event, prefix)] === 0 : left.length === 0) count++;
    }
    if (event.catalogue !== undefined) known.apply(event);
  }
  return { known, present: { count, numbers } };
}

function numberOf({ eventId }: Event, prefix: string): number {
  return Number(eventId.slice(prefix.length));
}

function* withoutPresent(events: Iterable<Event>, prefix: string, numbers: Uint8Array): Generator<Event> {
  for (const event of events)
    if (event.catalogue !== undefined || numbers[numberOf(event, prefix)] === 0) yield event;
}

/** The items to write: those that are new, and those that a row describes otherwise than the catalogue does. */
function changedItems({ items, bareItems }: LogSource, catalogue: Catalogue): Item[] {
  const described = items.length - bareItems;
  return items
    .filter(({ id }, row) => row < described || catalogue.ordinalOf(id) === undefined)
    .map(wireItem)
    .filter((item) => {
      const ordinal = catalogue.ordinalOf(item.id);
      if (ordinal === undefined) return true;
      const before = Item.encode(catalogue.item(ordinal) as Item).finish();
      return !Buffer.from(before).equals(Item.encode(item).finish());
    });
}

/** The time of what describes items and users: that of the first interaction. */
export function beginMsOf({ interactions: { timeMs } }: Pick<LogSource, 'interactions'>): number {
  return timeMs.reduce((least, time) => Math.min(least, time), timeMs[0] ?? 0);
}

const CHUNK_ITEMS = 10_000;

/** The events of the import; `known` becomes the catalogue after them. */
function* eventsOf(
  source: LogSource,
  items: readonly Item[],
  known: CatalogueFold,
  { hash, order }: { hash: string; order: Uint32Array },
): Generator<Event> {
  const { user, item, action, value, timeMs } = source.interactions;
  const beginMs = beginMsOf(source);
  const actions = source.actions.map(actionNamed);
  let number = 0;
  const eventId = (): string => `import-${hash}-${number++}`;
  for (let from = 0; from < items.length; from += CHUNK_ITEMS) {
    const changes = upsertChanges(known.catalogue, items.slice(from, from + CHUNK_ITEMS));
    const batch = batchName(changes, known.catalogue.lineage || hash, `import-${hash}`);
    for (const event of changeEvents(changes, batch, beginMs)) {
      known.apply(event);
      yield event;
    }
  }
  for (const { id, attributes } of source.userRows)
    yield { eventId: eventId(), timeMs: beginMs, user: { id, attributes: wireAttributes(attributes) } };
  for (const row of order) {
    const position = source.positions?.[row] ?? -1;
    const feedback = {
      userId: source.users[user[row]],
      itemId: source.items[item[row]].id,
      action: actions[action[row]],
      value: Number.isNaN(value[row]) ? undefined : value[row],
      requestId: '',
      position: Math.max(0, position),
      propensity: 0,
      categories: [],
      context: undefined,
    };
    yield { eventId: eventId(), timeMs: timeMs[row], feedback };
  }
}

function actionNamed(name: string): NonNullable<Event['feedback']>['action'] {
  const action = ACTION_BY_NAME.get(name);
  if (action === undefined) throw new RangeError(`no action is called ${name}`);
  return action;
}

const PROGRESS_EVENTS = 4096;

function* asRecords(
  events: Iterable<Event>,
  total: number,
  onProgress: (done: number, total: number) => void,
): Generator<LogRecord> {
  let done = 0;
  for (const event of events) {
    yield recordOf(event);
    if (++done % PROGRESS_EVENTS === 0) onProgress(done, total);
  }
  onProgress(done, total);
}

/** Throws `RowFault` where the catalogue would refuse the item. */
export function checkItemRow(row: ItemRow): void {
  try {
    checkItem(wireItem(row), 'item');
  } catch (error) {
    throw new RowFault((error as Error).message);
  }
}

function wireItem(row: ItemRow): Item {
  return {
    id: row.id,
    title: row.title,
    text: row.text ?? '',
    categories: row.categories,
    attributes: wireAttributes(row.attributes),
    availableFromMs: row.availableFromMs ?? 0,
    availableUntilMs: row.availableUntilMs ?? 0,
    regions: row.regions ?? [],
  };
}

function wireAttributes(attributes: Record<string, AttributeValue>): Record<string, WireAttribute> {
  const wire: Record<string, WireAttribute> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string') wire[name] = { text: value };
    else if (typeof value === 'number') wire[name] = { number: value };
    else wire[name] = { texts: { values: value } };
  }
  return wire;
}
