import { createHash } from 'node:crypto';
import { ACTION_BY_NAME } from '../../../common/actions.ts';
import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import { CatalogueFold } from '../../../common/catalogue/fold.ts';
import { batchName, changeEvents, checkItem, upsertChanges } from '../../../common/catalogue/writer.ts';
import { bytesOf } from '../../../common/columns.ts';
import { encodeEvent, readEventsOf } from '../../../common/log/events.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { Item } from '../../../gen/millrace/features/v1/features.ts';
import type { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import type { AttributeValue as WireAttribute } from '../../../gen/millrace/type/v1/type.ts';
import type { Dataset } from './dataset.ts';
import { RowFault } from './report.ts';
import type { AttributeValue, ItemRow } from './rows.ts';

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
  /** Offset of the first event written. */
  readonly firstOffset: number;
}

/**
 * Appends a data set to the log in `folder`, all or nothing: one staged segment, published by one rename. Items come first in
 * their order, so that new ones get ordinals in that order, then users, then interactions by (time, item, row). Event ids
 * come from a hash of the content, by which content that is there already is recognised. Throws `LogLockedError` while another
 * process owns the log.
 */
export async function importIntoLog(
  folder: string,
  source: LogSource,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<LogImport> {
  const hash = contentHash(source);
  const prefix = `import-${hash}-`;
  await using log = await SegmentLog.open(folder);
  const known = await readCatalogue(log, prefix);
  if (known === undefined) return { ...NOTHING, firstOffset: log.endOffset };
  const { item } = source.interactions;
  const items = changedItems(source, known.catalogue);
  const total = items.length + source.userRows.length + item.length;
  if (total === 0) return { ...NOTHING, firstOffset: log.endOffset };
  const events = eventsOf(source, items, known, hash);
  const staged = await log.stage(encoded(events, total, onProgress));
  const firstOffset = await staged.publish();
  return {
    imported: true,
    items: items.length,
    users: source.userRows.length,
    interactions: item.length,
    firstOffset,
  };
}

const NOTHING = { imported: false, items: 0, users: 0, interactions: 0 };

function contentHash({ users, items, userRows, actions, interactions, positions }: LogSource): string {
  const hash = createHash('sha256').update(JSON.stringify([users, items, userRows, actions]));
  const { user, item, action, value, timeMs } = interactions;
  for (const column of [user, item, action, value, timeMs]) hash.update(bytesOf(column));
  if (positions !== undefined) hash.update(new Uint8Array(positions.buffer));
  return hash.digest('hex').slice(0, 24);
}

/** The catalogue as the log has it; undefined if the log has an event with the prefix. */
async function readCatalogue(log: SegmentLog, prefix: string): Promise<CatalogueFold | undefined> {
  const fold = new CatalogueFold();
  for await (const { event } of readEventsOf(log)) {
    if (event.eventId.startsWith(prefix)) return undefined;
    if (event.catalogue !== undefined) fold.apply(event);
  }
  return fold;
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

const CHUNK_ITEMS = 10_000;

/** The events of the import; `known` becomes the catalogue after them. */
function* eventsOf(
  source: LogSource,
  items: readonly Item[],
  known: CatalogueFold,
  hash: string,
): Generator<Event> {
  const { user, item, action, value, timeMs } = source.interactions;
  const beginMs = timeMs.reduce((least, time) => Math.min(least, time), timeMs[0] ?? 0);
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
  const order = Uint32Array.from(item, (_, row) => row);
  order.sort((a, b) => timeMs[a] - timeMs[b] || item[a] - item[b] || a - b);
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

function* encoded(
  events: Iterable<Event>,
  total: number,
  onProgress: (done: number, total: number) => void,
): Generator<Uint8Array> {
  let done = 0;
  for (const event of events) {
    yield encodeEvent(event);
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
