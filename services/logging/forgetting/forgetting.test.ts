import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rootCall } from '../../../common/rpc/call.ts';
import type { LoggingService } from '../../../common/rpc/services.ts';
import { Event, type ForgetStatus } from '../../../gen/millrace/logging/v1/logging.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { readEvents } from '../../../test/support/logged-events.ts';
import { temporaryHome } from '../../../test/support/temporary-home.ts';
import { openLogging } from '../fixtures/open.ts';

const SETTINGS = { MILLRACE__RIGHTS__FORGET_RETRY_SECONDS: '0.02', MILLRACE__LAKE__ENABLED: 'false' };

function click(eventId: string, userId: string, timeMs: number): Event {
  return Event.fromPartial({
    eventId,
    timeMs,
    feedback: { userId, itemId: 'i', action: Action.ACTION_CLICK },
  });
}

async function statusOf(logging: LoggingService, userId: string): Promise<ForgetStatus | undefined> {
  return (await logging.getForgetStatus({ userId }, rootCall())).statuses[0];
}

const doneOf = (status: ForgetStatus | undefined): string[] =>
  (status?.stores ?? []).filter(({ doneMs }) => doneMs > 0).map(({ store }) => store);

async function eventsIn(home: string): Promise<[number, string][]> {
  const events: [number, string][] = [];
  for await (const { offset, event } of readEvents(join(home, 'log'))) events.push([offset, event.eventId]);
  return events;
}

test('a person is erased from the log; the request is done when the features service has committed beyond it', async () => {
  await using folder = await temporaryHome();
  await using opened = await openLogging(folder.home, 'memory', SETTINGS);
  const { logging } = opened;
  const nowMs = Date.now();
  const friends = { friends: { texts: { values: ['anna', 'carl'] } } };
  const described = Event.fromPartial({
    eventId: 'd',
    timeMs: nowMs,
    user: { id: 'dora', attributes: friends },
  });
  await logging.append(
    { events: [click('a', 'anna', nowMs), click('b', 'ben', nowMs), described] },
    rootCall(),
  );
  expect(await statusOf(logging, 'anna')).toBeUndefined();
  const { status } = await logging.forgetUser({ userId: 'anna' }, rootCall());
  expect(status?.done).toBe(false);
  await expect.poll(async () => doneOf(await statusOf(logging, 'anna'))).toContain('bundles');
  expect(doneOf(await statusOf(logging, 'anna'))).not.toContain('features');
  const again = await logging.forgetUser({ userId: 'anna' }, rootCall());
  expect(again.status?.requestId).toBe(status?.requestId);
  const { endOffset } = await logging.append({ events: [click('c', 'ben', nowMs)] }, rootCall());
  await logging.commit({ consumer: 'features', offset: endOffset }, rootCall());
  await expect.poll(async () => (await statusOf(logging, 'anna'))?.done).toBe(true);
  const left = await eventsIn(folder.home);
  expect(left.map(([offset]) => offset)).toEqual([1, 4, 6]);
  expect([left[0][1], left[2][1]]).toEqual(['b', 'c']);
  for await (const { event } of readEvents(join(folder.home, 'log')))
    if (event.user !== undefined) expect(event.user.attributes.friends.texts?.values).toEqual(['carl']);
  const file = await readFile(join(folder.home, 'rights', 'forgotten.json'), 'utf8');
  expect(file).not.toContain('anna');
  expect((await logging.getForgetStatus({ userId: '' }, rootCall())).statuses.length).toBe(1);
});

test('what a person did before asking is dropped when it comes late, what they do later is kept', async () => {
  await using folder = await temporaryHome();
  const requestedMs = await (async () => {
    await using opened = await openLogging(folder.home, 'memory', SETTINGS);
    const { status } = await opened.logging.forgetUser({ userId: 'anna' }, rootCall());
    return status?.requestedMs as number;
  })();
  await using opened = await openLogging(folder.home, 'memory', SETTINGS);
  const { duplicates, offsets } = await opened.logging.append(
    {
      events: [
        click('late', 'anna', requestedMs - 60_000),
        click('other', 'ben', requestedMs - 60_000),
        click('new', 'anna', requestedMs + 1),
      ],
    },
    rootCall(),
  );
  expect(duplicates).toEqual([true, false, false]);
  const kept = (await eventsIn(folder.home)).filter(([, id]) => !id.startsWith('forget:'));
  expect(kept).toEqual([
    [offsets[1], 'other'],
    [offsets[2], 'new'],
  ]);
});

test('an empty id is refused, and nobody from outside says that a person is forgotten', async () => {
  await using folder = await temporaryHome();
  await using opened = await openLogging(folder.home, 'memory', SETTINGS);
  await expect(opened.logging.forgetUser({ userId: '' }, rootCall())).rejects.toMatchObject({
    reason: 'FIELD_INVALID',
    violations: [{ field: 'user_id' }],
  });
  const event = Event.fromPartial({ eventId: 'x', timeMs: 1, forgotten: { userId: 'ben' } });
  await expect(opened.logging.append({ events: [event] }, rootCall())).rejects.toMatchObject({
    violations: [{ field: 'events[0].payload' }],
  });
});

test('a request is answered only once it is durable, and begins then, also where it was asked before in vain', async () => {
  await using folder = await temporaryHome();
  await using opened = await openLogging(folder.home, 'memory', SETTINGS);
  const { logging } = opened;
  const rights = join(folder.home, 'rights');
  await rm(rights, { recursive: true });
  const ask = (): ReturnType<LoggingService['forgetUser']> =>
    logging.forgetUser({ userId: 'anna' }, rootCall());
  await expect(ask()).rejects.toThrow();
  await expect(ask()).rejects.toThrow();
  await mkdir(rights);
  const { status } = await ask();
  const file = join(rights, 'forgotten.json');
  expect(await readFile(file, 'utf8')).toContain(status?.requestId);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await expect.poll(async () => doneOf(await statusOf(logging, 'anna'))).toContain('log');
});
