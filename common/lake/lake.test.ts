import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryHome } from '../../test/support/temporary-home.ts';
import { ConfigSource } from '../config.ts';
import { decodeEvent, type LoggedEvent } from '../log/events.ts';
import { SegmentLog } from '../log/segment-log.ts';
import { lakeConfig } from './config.ts';
import { variedPayloads } from './fixtures/varied-events.ts';
import { type Lake, openLake } from './lake.ts';
import { Roller } from './roller.ts';

const SEED = Number(process.env.SEED ?? 20_261_126);

function configOf(home: string, settings: Record<string, string> = {}) {
  return lakeConfig(new ConfigSource({ MILLRACE_HOME: home, ...settings }));
}

async function roll(log: SegmentLog, config: ReturnType<typeof lakeConfig>): Promise<number> {
  await using roller = await Roller.open(config);
  return await roller.roll(log);
}

async function eventsOf(lake: Lake, from?: number, until?: number): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for await (const event of lake.readEvents(from, until)) events.push(event);
  return events;
}

/** What of `payloads` is an event, decoded. */
function expected(payloads: readonly Uint8Array[]): LoggedEvent[] {
  return payloads.flatMap((payload, offset) =>
    payload.length === 0 ? [] : [{ offset, event: decodeEvent(payload) }],
  );
}

test('every event comes back as it was, from any offset, over several rolls and commits', async () => {
  console.log(`seed ${SEED}`);
  await using folder = await temporaryHome();
  const config = configOf(folder.home, { MILLRACE__LAKE__COMMIT__EVENTS_MAX: '700' });
  const payloads = variedPayloads(5_000, SEED);
  await using log = await SegmentLog.open(join(folder.home, 'log'));
  for (let at = 0; at < payloads.length; at += 1_250) {
    await log.append(payloads.slice(at, at + 1_250));
    expect(await roll(log, config)).toBe(at + 1_250);
  }
  await using lake = await openLake(config);
  expect([lake.firstOffset, lake.endOffset]).toEqual([0, payloads.length]);
  expect(await eventsOf(lake)).toEqual(expected(payloads));
  const part = expected(payloads).filter(({ offset }) => offset >= 651 && offset < 1_999);
  expect(await eventsOf(lake, 651, 1_999)).toEqual(part);
});

test('a query answers columns of numbers and texts, over tables that may be empty', async () => {
  await using folder = await temporaryHome();
  const config = configOf(folder.home);
  {
    await using lake = await openLake(config);
    const empty = await lake.query(
      'SELECT count(*) AS n, max(time_ms) AS latest FROM events WHERE date > ?',
      ['2026-01-01'],
    );
    expect([...empty.numbers('n'), ...empty.numbers('latest')]).toEqual([0, Number.NaN]);
  }
  const payloads = variedPayloads(2_000, SEED);
  await using log = await SegmentLog.open(join(folder.home, 'log'));
  await log.append(payloads);
  await roll(log, config);
  await using lake = await openLake(config);
  const perAction = await lake.query(
    'SELECT action, CAST(count(*) AS INTEGER) AS n, count(record) AS records FROM events GROUP BY action ORDER BY action',
  );
  const events = expected(payloads);
  const decisions = events.flatMap(({ event }) => event.decision ?? []);
  expect(perAction.texts('action')).toContain('unknown');
  expect(perAction.numbers('n')).toBeInstanceOf(Int32Array);
  expect([...perAction.numbers('n')].reduce((sum, n) => sum + n, 0)).toBe(events.length);
  expect(perAction.numbers('n')[perAction.texts('action').indexOf('decision')]).toBe(decisions.length);
  const decided = await lake.query(
    `SELECT item_id, slot, features, CAST(json_extract(scores, '$."score.ranking"') AS DOUBLE) AS score
     FROM decided ORDER BY "offset", slot < 0, slot, item_id`,
  );
  const items = decisions.flatMap(({ shown, sample }) => [...shown, ...sample]);
  expect(decided.texts('item_id')).toEqual(items.map(({ itemId }) => itemId));
  expect([...decided.numbers('score')]).toEqual(items.map(({ scores }) => scores['score.ranking']));
  const features = items.map(({ features: bytes }) => (bytes.length === 0 ? null : new Uint8Array(bytes)));
  expect(decided.column('features')).toEqual(features);
  await expect(lake.query('SELECT nothing FROM events')).rejects.toMatchObject({ reason: 'QUERY_FAILED' });
});
