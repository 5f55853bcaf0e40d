import { readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decoded, eventsOf, lakeHome, roll } from '../../test/support/lakes.ts';
import { SegmentLog } from '../log/segment-log.ts';
import { variedPayloads } from './fixtures/varied-events.ts';
import { openLake } from './lake.ts';
import { Roller } from './roller.ts';

const SEED = Number(process.env.SEED ?? 20_261_126);

describe.each(['local', 's3'] as const)('a lake on %s', (where) => {
  test('gives every event back as it was, from any offset, after several rolls and commits', async () => {
    console.log(`seed ${SEED}`);
    await using place = await lakeHome(where, { MILLRACE__LAKE__COMMIT__EVENTS_MAX: '700' });
    const payloads = variedPayloads(3_000, SEED);
    await using log = await SegmentLog.open(join(place.home, 'log'));
    for (let at = 0; at < payloads.length; at += 1_000) {
      await log.append(payloads.slice(at, at + 1_000));
      expect(await roll(log, place.config)).toBe(at + 1_000);
    }
    expect(await eventsOf(place.config)).toEqual(decoded(payloads));
    const part = decoded(payloads).filter(({ offset }) => offset >= 651 && offset < 1_999);
    expect(await eventsOf(place.config, 651, 1_999)).toEqual(part);
  });

  test('answers queries with columns of numbers and texts, over tables that may be empty', async () => {
    await using place = await lakeHome(where);
    {
      await using lake = await openLake(place.config);
      const empty = await lake.query('SELECT count(*) AS n, max(time_ms) AS t FROM events WHERE date > ?', [
        '2026-01-01',
      ]);
      expect([...empty.numbers('n'), ...empty.numbers('t')]).toEqual([0, Number.NaN]);
    }
    const payloads = variedPayloads(2_000, SEED);
    await using log = await SegmentLog.open(join(place.home, 'log'));
    await log.append(payloads);
    await roll(log, place.config);
    await using lake = await openLake(place.config);
    const perAction = await lake.query(
      'SELECT action, CAST(count(*) AS INTEGER) AS n FROM events GROUP BY action ORDER BY action',
    );
    const events = decoded(payloads);
    const decisions = events.flatMap(({ event }) => event.decision ?? []);
    expect(perAction.texts('action')).toContain('unknown');
    expect(perAction.numbers('n')).toBeInstanceOf(Int32Array);
    expect([...perAction.numbers('n')].reduce((sum, n) => sum + n, 0)).toBe(events.length);
    expect(perAction.numbers('n')[perAction.texts('action').indexOf('decision')]).toBe(decisions.length);
    const decided = await lake.query(
      `SELECT item_id, slot, features, CAST(json_extract(scores, '$.score_ranking') AS DOUBLE) AS score
       FROM decided ORDER BY "offset", slot < 0, slot, item_id`,
    );
    const items = decisions.flatMap(({ shown, sample }) => [...shown, ...sample]);
    expect(decided.texts('item_id')).toEqual(items.map(({ itemId }) => itemId));
    expect([...decided.numbers('score')]).toEqual(items.map(({ scores }) => scores['score.ranking']));
    const features = items.map(({ features: bytes }) => (bytes.length === 0 ? null : new Uint8Array(bytes)));
    expect(decided.column('features')).toEqual(features);
    await expect(lake.query('SELECT nothing FROM events')).rejects.toMatchObject({ reason: 'QUERY_FAILED' });
    const stopping = AbortSignal.timeout(400);
    const endless =
      'SELECT count(*) AS n FROM events a, events b, events c WHERE a.time_ms + b.time_ms <> c.time_ms';
    await expect(lake.query(endless, [], stopping)).rejects.toMatchObject({ reason: 'CANCELLED' });
  });

  test('one process rolls at a time', async () => {
    await using place = await lakeHome(where);
    await using _ = await Roller.open(place.config);
    await expect(Roller.open(place.config)).rejects.toMatchObject({ reason: 'LAKE_BUSY' });
  });
});

test('a query reads only the files whose date and action it asks for', async () => {
  await using place = await lakeHome('s3');
  await using log = await SegmentLog.open(join(place.home, 'log'));
  await log.append(variedPayloads(3_000, SEED));
  await roll(log, place.config);
  await using lake = await openLake(place.config);
  const all = lake.files.filter(({ key }) => key.startsWith('events/'));
  const wanted = all.filter(
    ({ key }) => key.includes('date=2026-01-31/') && /action=(click|view)\//.test(key),
  );
  const { bytesScanned, count } = await lake.query(
    "SELECT \"offset\" FROM events WHERE date = ? AND action IN ('click', 'view') AND user_id <> ') OR (''x'",
    ['2026-01-31'],
  );
  expect(count).toBe(wanted.reduce((sum, { rows }) => sum + rows, 0));
  expect(bytesScanned).toBe(wanted.reduce((sum, { bytes }) => sum + bytes, 0));
  expect(wanted.length).toBeLessThan(all.length / 10);
});

describe('damage', () => {
  async function rolled() {
    const place = await lakeHome('local');
    await using log = await SegmentLog.open(join(place.home, 'log'));
    await log.append(variedPayloads(500, SEED));
    await roll(log, place.config);
    const folder = join(place.home, 'lake', 'events');
    const names = await readdir(folder, { recursive: true });
    const file = join(folder, names.find((name) => name.endsWith('.parquet')) as string);
    return { place, file };
  }

  test.each([
    ['missing', (file: string) => rm(file)],
    ['cut short', (file: string) => truncate(file, 20)],
    ['overwritten', async (file: string) => writeFile(file, 'x'.repeat((await stat(file)).size))],
  ])('a file that is %s is named', async (_, harm) => {
    const { place, file } = await rolled();
    await using _place = place;
    await harm(file);
    await using lake = await openLake(place.config);
    const fault = { reason: 'LAKE_DAMAGED', message: expect.stringContaining(file) };
    await expect(lake.query('SELECT user_id, record FROM events')).rejects.toMatchObject(fault);
    await expect(eventsOf(place.config)).rejects.toMatchObject(fault);
  });

  test('a file of somebody else under the lake is named before anything is rolled', async () => {
    const { place, file } = await rolled();
    await using _place = place;
    const foreign = file.replace(/[^/]+$/, 'mine.parquet');
    await writeFile(foreign, 'anything');
    const fault = { reason: 'LAKE_DAMAGED', message: expect.stringContaining(foreign) };
    await expect(Roller.open(place.config)).rejects.toMatchObject(fault);
  });

  test('a lake of another log takes nothing in', async () => {
    const { place } = await rolled();
    await using _place = place;
    await rm(join(place.home, 'log'), { recursive: true });
    await using log = await SegmentLog.open(join(place.home, 'log'));
    await expect(roll(log, place.config)).rejects.toMatchObject({ reason: 'LAKE_DAMAGED' });
  });
});
