import { CatalogueFold } from '../../../common/catalogue/fold.ts';
import { sqlText } from '../../../common/lake/duck-db.ts';
import type { Lake } from '../../../common/lake/lake.ts';
import type { ValueColumn } from '../../../common/lake/lake-columns.ts';
import { decodeEvent } from '../../../common/log/events.ts';
import type { Event } from '../../../gen/millrace/logging/v1/logging.ts';
import type { PrivateQuery } from './query.ts';

/** What the lake's columns do not say: a label for an item, or for a user's request. Columns of equal length. */
export type Labels = Readonly<Record<'id' | 'label' | 'user_id', readonly string[]>>;

/** Labels for the query's groups; undefined where its groups are columns of the lake. */
export async function labelsOf(lake: Lake, query: PrivateQuery): Promise<Labels | undefined> {
  if (query.groupBy === 'category') return categories(lake);
  return query.groupBy === 'variant' ? variants(lake, query) : undefined;
}

/** Every item's categories as the catalogue has them at the lake's end. They say nothing of people. */
async function categories(lake: Lake): Promise<Labels> {
  const fold = new CatalogueFold();
  for (const event of await recordsOf(lake, "action = 'catalogue'")) fold.apply(event);
  const labels = { id: [] as string[], label: [] as string[], user_id: [] as string[] };
  for (let ordinal = 0; ordinal < fold.catalogue.size; ordinal++) {
    for (const category of new Set(fold.catalogue.item(ordinal)?.categories ?? [])) {
      labels.id.push(fold.catalogue.idOf(ordinal));
      labels.label.push(category);
      labels.user_id.push('');
    }
  }
  return labels;
}

/** The variant of each request of the query's days, for the user who made it. */
async function variants(lake: Lake, { from, until }: PrivateQuery): Promise<Labels> {
  const days = `date >= ${sqlText(from)} AND date < ${sqlText(until)}`;
  const labels = { id: [] as string[], label: [] as string[], user_id: [] as string[] };
  for (const { decision } of await recordsOf(lake, `action = 'decision' AND ${days}`)) {
    if (decision === undefined || !decision.context?.variant) continue;
    labels.id.push(decision.requestId);
    labels.label.push(decision.context.variant);
    labels.user_id.push(decision.userId);
  }
  return labels;
}

async function recordsOf(lake: Lake, condition: string): Promise<Event[]> {
  const rows = await lake.query(`SELECT record FROM events WHERE ${condition} ORDER BY "offset"`);
  return (rows.column('record') as ValueColumn).map((record) => decodeEvent(record as Uint8Array));
}
