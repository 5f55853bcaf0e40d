import { expect, test } from 'vitest';
import { openLake } from '../../common/lake/lake.ts';
import { rootCall } from '../../common/rpc/call.ts';
import { eventsOf, lakeHome } from '../../test/support/lakes.ts';
import { click, decision } from './fixtures/events.ts';
import { openLogging } from './fixtures/open.ts';

const call = () => rootCall({ timeoutMs: 20_000 });
const SOON = { MILLRACE__LAKE__COMMIT__AGE_MS_MAX: '50' };

test('what is appended is in the lake soon after, once, also across restarts', async () => {
  await using place = await lakeHome('local', SOON);
  const reached = async (): Promise<number> => {
    await using lake = await openLake(place.config);
    return lake.endOffset;
  };
  for (const round of [1, 2]) {
    await using opened = await openLogging(place.home, 'memory', place.settings);
    await opened.logging.append({ events: [click(`a${round}`), decision(`r${round}`)] }, call());
    await expect.poll(reached, { timeout: 20_000 }).toBe(2 * round);
  }
  const ids = (await eventsOf(place.config)).map(({ event }) => event.eventId);
  expect(ids).toEqual(['a1', 'd-r1', 'a2', 'd-r2']);
});

test('while S3 is away the log goes on, and the lake catches up when it is back', async () => {
  await using place = await lakeHome('s3', SOON);
  await using opened = await openLogging(place.home, 'memory', place.settings);
  await place.server?.kill();
  await opened.logging.append({ events: [click('a')] }, call());
  await opened.logging.append({ events: [click('b')] }, call());
  await place.server?.restart();
  const ids = async (): Promise<string[]> => (await eventsOf(place.config)).map(({ event }) => event.eventId);
  await expect.poll(ids, { timeout: 25_000 }).toEqual(['a', 'b']);
});

test('what is older than the lake keeps is dropped after a commit', async () => {
  await using place = await lakeHome('local', { ...SOON, MILLRACE__LAKE__RETENTION__AGE_DAYS_MAX: '30' });
  await using opened = await openLogging(place.home, 'memory', place.settings);
  const events = [click('old'), { ...click('new'), timeMs: Date.now() }];
  await opened.logging.append({ events }, call());
  const ids = async (): Promise<string[]> => (await eventsOf(place.config)).map(({ event }) => event.eventId);
  await expect.poll(ids, { timeout: 20_000 }).toEqual(['new']);
});
