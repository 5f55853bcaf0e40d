import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decoded, eventsOf, lakeHome, roll } from '../../test/support/lakes.ts';
import { pause } from '../clock.ts';
import { SegmentLog } from '../log/segment-log.ts';
import { Random } from '../random.ts';
import { variedPayloads } from './fixtures/varied-events.ts';
import { openLake } from './lake.ts';
import { openStorage } from './open-storage.ts';

const SEED = Number(process.env.SEED ?? 20_261_126);
const KILLS = 5;
const TIMEOUT_MS = 120_000;
const ROLL = fileURLToPath(new URL('fixtures/roll.ts', import.meta.url));

describe.each(['local', 's3'] as const)('on %s', (where) => {
  test(
    'a roller killed at any moment leaves no duplicate and no hole, for those who list the folders too',
    async () => {
      console.log(`seed ${SEED}`);
      const random = new Random(SEED);
      await using place = await lakeHome(where, { MILLRACE__LAKE__COMMIT__EVENTS_MAX: '150' });
      const payloads = variedPayloads(3_000, SEED);
      await using log = await SegmentLog.open(join(place.home, 'log'));
      await log.append(payloads);
      let kills = 0;
      for (let round = 0; round < KILLS; round++) {
        const child = spawn(process.execPath, ['--import', 'tsx', ROLL], {
          env: { ...process.env, MILLRACE_HOME: place.home, ...place.settings },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const ended = once(child, 'exit');
        await Promise.race([once(child.stdout, 'data'), ended]);
        await Promise.race([pause(random.int(150)), ended]);
        if (child.kill('SIGKILL')) kills++;
        await ended;
      }
      expect(kills).toBeGreaterThan(0);
      expect(await roll(log, place.config)).toBe(payloads.length);
      expect(await eventsOf(place.config)).toEqual(decoded(payloads));
      await using lake = await openLake(place.config);
      const listed = await (await openStorage(place.config)).list('events/');
      const committed = lake.files.filter(({ key }) => key.startsWith('events/'));
      expect(listed.map(({ key }) => key)).toEqual(committed.map(({ key }) => key).sort());
    },
    TIMEOUT_MS,
  );

  test('what was placed and not committed is undone, also where the next commits have other ranges', async () => {
    await using place = await lakeHome(where, { MILLRACE__LAKE__COMMIT__EVENTS_MAX: '400' });
    const payloads = variedPayloads(1_000, SEED);
    await using log = await SegmentLog.open(join(place.home, 'log'));
    await log.append(payloads);
    await roll(log, place.config);
    const storage = await openStorage(place.config);
    const last = (await storage.list('manifest/commits/')).at(-1)?.key as string;
    await storage.put('manifest/plan.json', (await storage.read(last)) as Uint8Array);
    await storage.remove([last]);
    await roll(log, { ...place.config, commit: { ...place.config.commit, eventsMax: 90 } });
    expect(await eventsOf(place.config)).toEqual(decoded(payloads));
    await using lake = await openLake(place.config);
    const listed = [...(await storage.list('events/')), ...(await storage.list('decided/'))];
    expect(listed.map(({ key }) => key).sort()).toEqual(lake.files.map(({ key }) => key).sort());
  });
});

test('while S3 is away nothing is lost, and when it is back rolling goes on', async () => {
  await using place = await lakeHome('s3', { MILLRACE__LAKE__COMMIT__EVENTS_MAX: '100' });
  const payloads = variedPayloads(1_000, SEED);
  await using log = await SegmentLog.open(join(place.home, 'log'));
  await log.append(payloads.slice(0, 500));
  await roll(log, place.config);
  await place.server?.kill();
  await log.append(payloads.slice(500));
  await expect(roll(log, place.config)).rejects.toMatchObject({ reason: 'LAKE_UNAVAILABLE' });
  await place.server?.restart();
  expect(await roll(log, place.config)).toBe(payloads.length);
  expect(await eventsOf(place.config)).toEqual(decoded(payloads));
});
