import type { CatalogueChange, Item } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { fieldError } from '../errors.ts';
import { checkControl, checkId, ID_BYTES_MAX } from '../ids.ts';
import type { Catalogue } from './catalogue.ts';

const ITEMS_MAX = 10_000;
const TITLE_CHARS_MAX = 1_000;
const TEXT_CHARS_MAX = 100_000;
const CATEGORIES_MAX = 255;
const ATTRIBUTES_MAX = 256;
const REGIONS_MAX = 300;

/**
 * Changes that add or replace the items, with the next ordinals for new ids, in the order given. A faulty item refuses all of
 * them with its field, as `items[3].id`.
 */
export function upsertChanges(catalogue: Catalogue, items: readonly Item[]): CatalogueChange[] {
  checkCount('items', items.length);
  let nextOrdinal = catalogue.size;
  const fresh = new Map<string, number>();
  return items.map((item, i) => {
    checkItem(item, `items[${i}]`);
    let ordinal = catalogue.ordinalEver(item.id) ?? fresh.get(item.id);
    if (ordinal === undefined) {
      ordinal = nextOrdinal++;
      fresh.set(item.id, ordinal);
    }
    return { epoch: catalogue.epoch + 1 + i, ordinal, upsert: item };
  });
}

/** Changes that do `change` to items that are in the catalogue; ITEM_UNKNOWN names one that is not. */
export function itemChanges(
  catalogue: Catalogue,
  ids: readonly string[],
  change: Pick<CatalogueChange, 'delete' | 'block' | 'unblock'>,
): CatalogueChange[] {
  checkCount('item_ids', ids.length);
  return ids.map((id, i) => {
    const ordinal = catalogue.ordinalOf(id);
    if (ordinal === undefined)
      throw fieldError(
        `item_ids[${i}]`,
        `${JSON.stringify(id.slice(0, ID_BYTES_MAX))} is not in the catalogue`,
        'ITEM_UNKNOWN',
      );
    return { epoch: catalogue.epoch + 1 + i, ordinal, ...change };
  });
}

/** Names a batch of changes. `nonce` tells it from any other that begins at the same epoch. */
export function batchName(changes: readonly CatalogueChange[], lineage: string, nonce: string): string {
  return `${lineage}:${changes[0]?.epoch}-${nonce}`;
}

/** The log events of one batch of changes. */
export function changeEvents(changes: readonly CatalogueChange[], batch: string, timeMs: number): Event[] {
  return changes.map((change) =>
    Event.fromPartial({ eventId: `catalogue:${batch}:${change.epoch}`, timeMs, catalogue: change }),
  );
}

function checkCount(field: string, count: number): void {
  if (count === 0 || count > ITEMS_MAX)
    throw fieldError(field, `${count} items; 1 to ${ITEMS_MAX} are allowed`);
}

/** Refuses an item with a field out of its limits. `at`: where it stands in the request. */
export function checkItem(item: Item, at: string): void {
  checkId(item.id, `${at}.id`);
  checkControl(item.title, `${at}.title`);
  checkLength(item.title, TITLE_CHARS_MAX, `${at}.title`);
  checkLength(item.text, TEXT_CHARS_MAX, `${at}.text`);
  if (item.categories.length > CATEGORIES_MAX)
    throw fieldError(`${at}.categories`, `${item.categories.length}; at most ${CATEGORIES_MAX}`);
  if (item.regions.length > REGIONS_MAX)
    throw fieldError(`${at}.regions`, `${item.regions.length}; at most ${REGIONS_MAX}`);
  for (const region of item.regions) {
    if (!/^[A-Za-z0-9-]{2,10}$/.test(region))
      throw fieldError(`${at}.regions`, `${JSON.stringify(region.slice(0, 20))} is not a region code`);
  }
  checkAttributes(item.attributes, `${at}.attributes`);
  const { availableFromMs: from, availableUntilMs: until } = item;
  if (from < 0) throw fieldError(`${at}.available_from_ms`, `${from} is before 1970`);
  if (until !== 0 && until <= from)
    throw fieldError(`${at}.available_until_ms`, `${until} is not after available_from_ms`);
}

/** Refuses too many attributes and numbers that are not finite. */
export function checkAttributes(attributes: Item['attributes'], field: string): void {
  const entries = Object.entries(attributes);
  if (entries.length > ATTRIBUTES_MAX)
    throw fieldError(field, `${entries.length}; at most ${ATTRIBUTES_MAX}`);
  for (const [name, { number }] of entries) {
    if (number !== undefined && !Number.isFinite(number))
      throw fieldError(`${field}.${name}`, `${number} is not finite`);
  }
}

function checkLength(text: string, max: number, field: string): void {
  if (text.length > max) throw fieldError(field, `${text.length} characters; at most ${max}`);
}
