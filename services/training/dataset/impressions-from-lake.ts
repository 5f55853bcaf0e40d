import type { Catalogue } from '../../../common/catalogue/catalogue.ts';
import type { Lake } from '../../../common/lake/lake.ts';
import { decodeEvent } from '../../../common/log/events.ts';
import { type Impressions, type OnDecision, shownListOf } from './impressions.ts';
import { datasetSql } from './sql.ts';

/**
 * What `joinImpressions` makes of the same events, by SQL. Only feedback that the log got later than `joinImpressions` waits is
 * counted here and not there.
 */
export async function lakeImpressions(
  lake: Lake,
  catalogue: Catalogue,
  windowMs: number,
  untilOffset = lake.endOffset,
  onDecision?: OnDecision,
): Promise<Impressions> {
  const records = await lake.query(datasetSql('decisions'), [untilOffset]);
  const numbers = new Map<number, number>();
  const decisions = (records.column('record') as readonly Uint8Array[]).flatMap((bytes, row) => {
    const { decision, timeMs } = decodeEvent(bytes);
    if (decision === undefined) return [];
    numbers.set(records.numbers('row_offset')[row], numbers.size);
    onDecision?.(decision);
    return [shownListOf(decision, timeMs)];
  });
  const rows = await lake.query(datasetSql('impressions'), [untilOffset, untilOffset, windowMs, untilOffset]);
  const [offsets, shownMs, endMs] = ['decision_offset', 'shown_ms', 'end_ms'].map((name) =>
    rows.numbers(name),
  );
  const [seen, reported] = [rows.numbers('seen'), rows.numbers('reported')];
  const itemIds = rows.texts('item_id');
  const items = Float64Array.from(itemIds, (id) => catalogue.ordinalEver(id) ?? Number.NaN);
  const reports = new Set(offsets.filter((_, row) => reported[row] === 1 && !Number.isNaN(items[row])));
  const counts = { unripe: 0, unseen: 0 };
  const kept = Uint32Array.from(itemIds.keys()).filter((row) => {
    if (Number.isNaN(items[row]) || (reports.has(offsets[row]) && seen[row] === 0)) counts.unseen++;
    else if (shownMs[row] + windowMs > endMs[row]) counts.unripe++;
    else return true;
    return false;
  });
  const column = (name: string) => {
    const values = rows.numbers(name);
    return (_: unknown, at: number): number => values[kept[at]];
  };
  const columns = {
    decision: Uint32Array.from(kept, (row) => numbers.get(offsets[row]) as number),
    item: Uint32Array.from(kept, (row) => items[row]),
    position: Uint32Array.from(kept, column('slot')),
    timeMs: Float64Array.from(kept, column('shown_ms')),
    clicked: Uint8Array.from(kept, column('clicked')),
    taken: Uint8Array.from(kept, column('taken')),
    watchSeconds: Float32Array.from(kept, column('watch_seconds')),
    rating: Float32Array.from(kept, column('rating')),
  };
  return { decisions, columns, ...counts };
}
