import { join } from 'node:path';
import { Catalogue } from '../../common/catalogue/catalogue.ts';
import { batchName, changeEvents, upsertChanges } from '../../common/catalogue/writer.ts';
import { encodeEvent } from '../../common/log/events.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import type { Item } from '../../gen/millrace/features/v1/features.ts';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';
import { makeTinyBundle, type TinyBundle, type TinyBundleOptions } from './tiny-bundle.ts';
import { makeTinyWorld, type TinyWorld } from './tiny-world.ts';

/**
 * Makes a MILLRACE_HOME out of the tiny world: a log with its catalogue and its events, and a bundle trained on them, live.
 * Every service can start on it.
 */
export async function makeTinyHome(home: string, options: TinyBundleOptions = {}): Promise<TinyBundle> {
  const { users = 60, items = 100, seed = 1 } = options;
  const world = options.world ?? makeTinyWorld({ users, items, seed });
  const logOffset = await writeLog(join(home, 'log'), world);
  return makeTinyBundle(home, { ...options, world, logOffset });
}

/** What each user did: pairs of ids of user and item. */
export function tinyPairs({ interactions }: TinyWorld): [string, string][] {
  return Array.from(interactions.users, (user, i) => [`user-${user}`, `item-${interactions.items[i]}`]);
}

const LISTED_AT_ONCE = 10_000;

/** Answers the offset after the last event. */
async function writeLog(folder: string, { catalogue, interactions }: TinyWorld): Promise<number> {
  await using log = await SegmentLog.open(folder);
  const timeMs = interactions.times[0] ?? 0;
  const listed = new Catalogue(catalogue.lineage);
  while (listed.size < catalogue.size) {
    const count = Math.min(LISTED_AT_ONCE, catalogue.size - listed.size);
    const items = Array.from({ length: count }, (_, i) => catalogue.item(listed.size + i) as Item);
    const changes = upsertChanges(listed, items);
    await log.append(
      changeEvents(changes, batchName(changes, listed.lineage, 'tiny'), timeMs).map(encodeEvent),
    );
    for (const change of changes) listed.apply(change);
  }
  const history = Array.from(interactions.users, (user, i) =>
    Event.fromPartial({
      eventId: `history-${i}`,
      timeMs: interactions.times[i],
      feedback: {
        userId: `user-${user}`,
        itemId: `item-${interactions.items[i]}`,
        action: Action.ACTION_RATING,
        value: 5,
      },
    }),
  );
  for (let at = 0; at < history.length; at += LISTED_AT_ONCE)
    await log.append(history.slice(at, at + LISTED_AT_ONCE).map(encodeEvent));
  return log.endOffset;
}
