import { bitCount } from '../../../common/bitset.ts';
import { CatalogueFold } from '../../../common/catalogue/fold.ts';
import { MillraceError } from '../../../common/errors.ts';
import type { Lake } from '../../../common/lake/lake.ts';
import type { LakeColumns } from '../../../common/lake/lake-columns.ts';
import { decodeEvent, type LoggedEvent } from '../../../common/log/events.ts';
import { type FeedbackColumns, isOfUser, type LogData, profilesAfter } from './from-log.ts';
import { datasetSql } from './sql.ts';

/**
 * What `readLog` reads from a log that holds the same events, by SQL: users and items come numbered by their first rows, so that
 * feedback is numbers alone and no row is an object. LAKE_UNAVAILABLE where the lake is empty or does not begin with the log.
 */
export async function readLake(lake: Lake, untilOffset = Number.POSITIVE_INFINITY): Promise<LogData> {
  if (lake.endOffset === 0 || lake.firstOffset > 0)
    throw new MillraceError(
      'LAKE_UNAVAILABLE',
      `the lake ${lake.endOffset === 0 ? 'is empty' : `begins at offset ${lake.firstOffset}`}; roll the log into it first`,
    );
  const endOffset = Math.min(lake.endOffset, untilOffset);
  const { fold, userEvents, firstKnown } = foldRecords(await lake.query(datasetSql('records'), [endOffset]));
  const { catalogue } = fold;
  const rows = await lake.query(datasetSql('feedback'), [endOffset]);
  const itemIds = rows.codedTexts('row_item_id').values;
  const items = Float64Array.from(itemIds, (id) => catalogue.ordinalEver(id) ?? Number.NaN);
  const kept = keptRows(rows, items, firstKnown);
  const feedback = inOrder(rows, kept, items, endOffset);
  return {
    users: renumbered(feedback.user, rows.codedTexts('row_user_id').values),
    profiles: profilesAfter(userEvents),
    userEvents,
    catalogue,
    feedback,
    unknownItems: rows.count - kept.length,
    endOffset,
  };
}

/** `firstKnown`: the offset of the event that gave each ordinal. */
function foldRecords(records: LakeColumns): {
  fold: CatalogueFold;
  userEvents: LoggedEvent[];
  firstKnown: Float64Array;
} {
  const fold = new CatalogueFold();
  const userEvents: LoggedEvent[] = [];
  const firstKnown: number[] = [];
  const offsets = records.numbers('row_offset');
  const bytes = records.column('record') as readonly Uint8Array[];
  for (let row = 0; row < records.count; row++) {
    const event = decodeEvent(bytes[row]);
    if (isOfUser(event)) userEvents.push({ offset: offsets[row], event });
    else if (event.catalogue !== undefined && fold.apply(event))
      while (firstKnown.length < fold.catalogue.size) firstKnown.push(offsets[row]);
  }
  return { fold, userEvents, firstKnown: Float64Array.from(firstKnown) };
}

/** Rows about items that the catalogue had when the log got them. */
function keptRows(rows: LakeColumns, items: Float64Array, firstKnown: Float64Array): Uint32Array {
  const offsets = rows.numbers('row_offset');
  const { codes } = rows.codedTexts('row_item_id');
  const kept = new Uint32Array(rows.count);
  let count = 0;
  for (let row = 0; row < rows.count; row++)
    if (offsets[row] > firstKnown[items[codes[row]]]) kept[count++] = row;
  return kept.subarray(0, count);
}

/** The rows kept in order of their offsets; `user` is the number of the user's id in the answer. */
function inOrder(
  rows: LakeColumns,
  kept: Uint32Array,
  items: Float64Array,
  endOffset: number,
): FeedbackColumns {
  const from = {
    user: rows.codedTexts('row_user_id').codes,
    item: rows.codedTexts('row_item_id').codes,
    action: rows.numbers('action_code'),
    value: rows.numbers('row_value'),
    timeMs: rows.numbers('row_time_ms'),
    offset: rows.numbers('row_offset'),
  };
  const to = {
    user: new Uint32Array(kept.length),
    item: new Uint32Array(kept.length),
    action: new Uint8Array(kept.length),
    value: new Float32Array(kept.length),
    timeMs: new Float64Array(kept.length),
    offset: new Float64Array(kept.length),
  };
  const placeOf = ranksOf(from.offset, kept, endOffset);
  for (const row of kept) {
    const place = placeOf(from.offset[row]);
    to.user[place] = from.user[row];
    to.item[place] = items[from.item[row]];
    to.action[place] = from.action[row];
    to.value[place] = from.value[row];
    to.timeMs[place] = from.timeMs[row];
    to.offset[place] = from.offset[row];
  }
  return to;
}

/** How many of the kept rows' offsets are smaller than one: a bit for each offset, and a count for each 32. */
function ranksOf(
  offsets: ArrayLike<number>,
  kept: Uint32Array,
  endOffset: number,
): (offset: number) => number {
  const words = new Uint32Array(Math.ceil(endOffset / 32));
  for (const row of kept) words[Math.floor(offsets[row] / 32)] |= 1 << (offsets[row] % 32);
  const before = new Uint32Array(words.length);
  for (let word = 1; word < words.length; word++) before[word] = before[word - 1] + bitCount(words[word - 1]);
  return (offset) => {
    const word = Math.floor(offset / 32);
    const bit = offset % 32;
    return before[word] + bitCount(words[word] & ((1 << bit) - 1));
  };
}

/** Numbers the users by their first row, in place; their ids. */
function renumbered(user: Uint32Array, ids: readonly string[]): string[] {
  const numbers = new Int32Array(ids.length).fill(-1);
  const users: string[] = [];
  for (let row = 0; row < user.length; row++) {
    const code = user[row];
    if (numbers[code] < 0) numbers[code] = users.push(ids[code]) - 1;
    user[row] = numbers[code];
  }
  return users;
}
