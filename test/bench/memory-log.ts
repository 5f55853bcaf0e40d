import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CatalogueFold } from '../../common/catalogue/fold.ts';
import { batchName, changeEvents, upsertChanges } from '../../common/catalogue/writer.ts';
import { encodeEvent } from '../../common/log/events.ts';
import { SegmentLog } from '../../common/log/segment-log.ts';
import { Random } from '../../common/random.ts';
import { Item } from '../../gen/millrace/features/v1/features.ts';
import type { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../gen/millrace/type/v1/type.ts';

export const MEMORY_USERS = 50_000;
export const MEMORY_ITEMS = 20_000;
const DAYS = 30;
const START_MS = Date.UTC(2026, 9, 1);
const DAY_MS = 86_400_000;
const APPENDED_AT_ONCE = 10_000;
const SLATE = 10;
const DEVICES = ['mobile', 'desktop', 'tablet', 'tv'];
const LOCALES = ['en-US', 'en-GB', 'de-DE', 'de-CH', 'fr-FR', 'es-ES', 'pt-BR', 'ja-JP'];
const REGIONS = ['US', 'GB', 'DE', 'CH', 'FR', 'ES', 'BR', 'JP'];
/** What may follow an impression, and how often of a thousand. */
const FOLLOWING: readonly (readonly [Action, number])[] = [
  [Action.ACTION_CLICK, 120],
  [Action.ACTION_VIEW, 90],
  [Action.ACTION_WATCH, 60],
  [Action.ACTION_LIKE, 20],
  [Action.ACTION_RATING, 20],
  [Action.ACTION_PURCHASE, 10],
  [Action.ACTION_SHARE, 5],
  [Action.ACTION_HIDE, 4],
];

/**
 * A MILLRACE_HOME whose log has a catalogue and then `count` feedback events of 50,000 users and 20,000 items over 30 days: lists of ten impressions and
 * what follows them, nine actions, popularity by a power law, event ids of 36 characters and request ids of 32. Made once
 * for a count and a seed, and kept in the temporary folder.
 */
export async function memoryHome(count: number, seed: number): Promise<string> {
  const home = join(tmpdir(), `millrace-bench-memory-items-${count}-${seed}`);
  if (existsSync(home)) return home;
  const draft = `${home}.${process.pid}.draft`;
  {
    await using log = await SegmentLog.open(join(draft, 'log'));
    await log.append([...itemEvents()].map(encodeEvent));
    let batch: Uint8Array[] = [];
    for (const event of feedbackEvents(count, seed)) {
      batch.push(encodeEvent(event));
      if (batch.length < APPENDED_AT_ONCE) continue;
      await log.append(batch);
      batch = [];
    }
    await log.append(batch);
  }
  await rename(draft, home).catch(async (error: NodeJS.ErrnoException) => {
    await rm(draft, { recursive: true, force: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  return home;
}

/** The items, before anything is done with them. */
function* itemEvents(): Iterable<Event> {
  const known = new CatalogueFold();
  for (let from = 0; from < MEMORY_ITEMS; from += APPENDED_AT_ONCE) {
    const count = Math.min(APPENDED_AT_ONCE, MEMORY_ITEMS - from);
    const items = Array.from({ length: count }, (_, i) => Item.fromPartial({ id: `item-${from + i}` }));
    const changes = upsertChanges(known.catalogue, items);
    const batch = batchName(changes, known.catalogue.lineage || 'memory', 'bench');
    for (const event of changeEvents(changes, batch, START_MS)) {
      known.apply(event);
      yield event;
    }
  }
}

function* feedbackEvents(count: number, seed: number): Iterable<Event> {
  const random = new Random(seed);
  let made = 0;
  while (made < count) {
    const at = START_MS + Math.floor((made / count) * DAYS * DAY_MS);
    for (const event of visit(at, random)) {
      if (made++ === count) return;
      yield event;
    }
  }
}

/** One list shown and what follows. */
function* visit(atMs: number, random: Random): Iterable<Event> {
  const user = Math.floor(MEMORY_USERS * random.next() ** 1.5);
  const place = user % LOCALES.length;
  const context = {
    device: DEVICES[user % DEVICES.length],
    locale: LOCALES[place],
    surface: random.int(4) === 0 ? 'search' : '',
    region: REGIONS[place],
  };
  const requestId = hexadecimal(random, 4);
  for (let position = 0; position < SLATE; position++) {
    const item = Math.floor(MEMORY_ITEMS * random.next() ** 2.5);
    const shown = {
      userId: `user-${user}`,
      itemId: `item-${item}`,
      requestId,
      position,
      propensity: 1,
      context,
    };
    yield feedback(shown, Action.ACTION_IMPRESSION, atMs, random);
    for (const [action, rate] of FOLLOWING)
      if (random.int(1_000) < rate) yield feedback(shown, action, atMs + random.int(60_000), random);
  }
}

function feedback(
  shown: Pick<
    NonNullable<Event['feedback']>,
    'userId' | 'itemId' | 'requestId' | 'position' | 'propensity' | 'context'
  >,
  action: Action,
  timeMs: number,
  random: Random,
): Event {
  const id = hexadecimal(random, 4);
  const eventId = [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join(
    '-',
  );
  const value = numberOf(action, random);
  return {
    eventId,
    timeMs,
    decision: undefined,
    catalogue: undefined,
    user: undefined,
    feedback: { ...shown, action, value, categories: [] },
  };
}

function numberOf(action: Action, random: Random): number | undefined {
  if (action === Action.ACTION_RATING) return 1 + random.int(5);
  if (action === Action.ACTION_WATCH) return 10 + random.int(7_200);
  return action === Action.ACTION_PURCHASE ? 5 + random.int(100) : undefined;
}

function hexadecimal(random: Random, words: number): string {
  let text = '';
  for (let i = 0; i < words; i++) text += random.uint32().toString(16).padStart(8, '0');
  return text;
}
