import { join } from 'node:path';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { batchName, changeEvents, upsertChanges } from '../../common/catalogue/writer.ts';
import { filteringSchema } from '../../common/filters/config.ts';
import type { LoggedEvent } from '../../common/log/events.ts';
import { createLogger } from '../../common/telemetry/log.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import { backfilled } from '../../services/features/backfill.ts';
import { featuresSchema, userLimits } from '../../services/features/config.ts';
import { replaceStore } from '../../services/features/stores/open.ts';
import { readEvents } from '../support/logged-events.ts';
import { temporaryHome } from '../support/temporary-home.ts';
import { MEMORY_ITEMS } from './memory-log.ts';

const LISTED_AT_ONCE = 10_000;

/** Folds users, items and counters from the first event on and writes the snapshot, as `millrace features backfill` does. */
export async function backfillPart(home: string): Promise<Readonly<Record<string, unknown>>> {
  const config = featuresSchema.parse({});
  const limits = userLimits(config, filteringSchema.parse({}));
  const startedAt = performance.now();
  const fold = await backfilled(withItems(readEvents(join(home, 'log'))), limits, Number.POSITIVE_INFINITY);
  const foldSeconds = (performance.now() - startedAt) / 1_000;
  await using written = await temporaryHome();
  await replaceStore(config, { home: written.home, limits, log: createLogger('bench') }, fold);
  const { users, catalogue } = fold;
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: Number(((user + system) / 1e6).toFixed(2)),
    foldSeconds: Number(foldSeconds.toFixed(2)),
    users: users.size,
    items: catalogue.size,
    skipped: users.skipped,
  };
}

/** The events with those of the catalogue, which the log does not hold, before them. */
async function* withItems(events: AsyncIterable<LoggedEvent>): AsyncIterable<LoggedEvent> {
  const listed = new Catalogue('bench');
  while (listed.size < MEMORY_ITEMS) {
    const count = Math.min(LISTED_AT_ONCE, MEMORY_ITEMS - listed.size);
    const items = Array.from({ length: count }, (_, i) => itemOf(listed.size + i));
    const changes = upsertChanges(listed, items);
    const added = changeEvents(changes, batchName(changes, listed.lineage, 'bench'), 0);
    for (const [i, event] of added.entries()) yield { offset: listed.size + i, event };
    for (const change of changes) listed.apply(change);
  }
  for await (const { offset, event } of events) yield { offset: offset + MEMORY_ITEMS, event };
}

function itemOf(index: number): Item {
  return Item.fromPartial({ id: `item-${index}`, title: `The item of number ${index}` });
}
