import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Event } from '../../gen/millrace/logging/v1/logging.ts';
import { decoded, eventsOf, type LakeHome, lakeHome, roll } from '../../test/support/lakes.ts';
import type { LoggedEvent } from '../log/events.ts';
import { encodeEvent } from '../log/events.ts';
import { SegmentLog } from '../log/segment-log.ts';
import { variedPayloads } from './fixtures/varied-events.ts';
import { Roller } from './roller.ts';

const SEED = Number(process.env.SEED ?? 20_261_126);
const FRIEND = Event.fromPartial({
  eventId: 'friend',
  timeMs: 1_700_000_000_000,
  user: { id: 'another', attributes: { friends: { texts: { values: ['u10', 'nobody'] } } } },
});

async function filled(place: LakeHome): Promise<LoggedEvent[]> {
  const payloads = [...variedPayloads(2_000, SEED), encodeEvent(FRIEND)];
  await using log = await SegmentLog.open(join(place.home, 'log'));
  for (let at = 0; at < payloads.length; at += 700) {
    await log.append(payloads.slice(at, at + 700));
    await roll(log, place.config);
  }
  return decoded(payloads);
}

function userOf({ event }: LoggedEvent): string | undefined {
  return event.feedback?.userId ?? event.decision?.userId ?? event.user?.id;
}

function busiestOf(events: readonly LoggedEvent[]): string {
  const counts = new Map<string, number>();
  for (const event of events) counts.set(userOf(event) ?? '', (counts.get(userOf(event) ?? '') ?? 0) + 1);
  counts.delete('');
  return [...counts].sort((a, b) => b[1] - a[1])[0][0];
}

describe.each(['local', 's3'] as const)('a lake on %s', (where) => {
  test('forgets a person up to an offset and keeps every other event, also after it is opened again', async () => {
    console.log(`seed ${SEED}`);
    await using place = await lakeHome(where);
    const events = await filled(place);
    const userId = busiestOf(events);
    {
      await using roller = await Roller.open(place.config);
      expect(await roller.forget(userId, 1_900)).toBeGreaterThan(10);
      expect(await roller.forget(userId, 1_900)).toBe(0);
      expect(await roller.forget('nobody-at-all', 1_900)).toBe(0);
    }
    const kept = events.filter((event) => userOf(event) !== userId || event.offset >= 1_900);
    expect(await eventsOf(place.config)).toEqual(kept);
    {
      await using roller = await Roller.open(place.config);
      expect(await roller.forget('nobody', 2_001)).toBe(1);
    }
    expect(await eventsOf(place.config)).toEqual(kept.slice(0, -1));
  });
});

test('old days are dropped, but for the catalogue and what users are like', async () => {
  await using place = await lakeHome('local');
  const events = await filled(place);
  await using roller = await Roller.open(place.config);
  expect(await roller.dropBefore('9999-12-31')).toBeGreaterThan(100);
  const left = await eventsOf(place.config);
  expect(left.length).toBeGreaterThan(0);
  expect(left).toEqual(
    events.filter(({ event }) => event.catalogue !== undefined || event.user !== undefined),
  );
});

test('files that a crash left behind after they were replaced go at the next opening', async () => {
  await using place = await lakeHome('local');
  const events = await filled(place);
  const userId = busiestOf(events);
  const { folder } = place.config;
  const before = (await readdir(join(folder, 'events'), { recursive: true })).filter((name) =>
    name.endsWith('.parquet'),
  );
  for (const name of before) {
    await mkdir(dirname(join(place.home, 'kept', name)), { recursive: true });
    await copyFile(join(folder, 'events', name), join(place.home, 'kept', name));
  }
  {
    await using roller = await Roller.open(place.config);
    await roller.forget(userId, 2_000);
  }
  const commits = (await readdir(join(folder, 'manifest/commits'))).sort();
  const plan = await readFile(join(folder, 'manifest/commits', commits.at(-1) as string));
  await writeFile(join(folder, 'manifest/plan.json'), plan);
  for (const name of before) await copyFile(join(place.home, 'kept', name), join(folder, 'events', name));
  {
    await using roller = await Roller.open(place.config);
    expect(roller.manifest.endOffset).toBe(2_001);
  }
  expect(await eventsOf(place.config)).toEqual(
    events.filter((event) => userOf(event) !== userId || event.offset >= 2_000),
  );
});
