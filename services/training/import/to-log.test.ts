import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigSource } from '../../../common/config.ts';
import { readEventsOf } from '../../../common/log/events.ts';
import { LocalLog } from '../../../common/log/local-log.ts';
import { natsSchema } from '../../../common/log/log-config.ts';
import { NatsLog } from '../../../common/log/nats-log.ts';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { Pseudonyms } from '../../../common/rights/pseudonyms.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { NATS, TestServer } from '../../../test/support/servers.ts';
import { ForgetRequests } from '../../logging/forgetting/requests.ts';
import { type LogData, readLog } from '../dataset/from-log.ts';
import { type Dataset, type DatasetOptions, readDataset } from './dataset.ts';
import { pseudonymised } from './pseudonymised.ts';
import { checkItemRow, importIntoLog, type LogImport, type LogSource } from './to-log.ts';

let folder = '';
let log = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'to-log-'));
  log = join(folder, 'log');
});
afterEach(() => rm(folder, { recursive: true }));

const EVENTS = [
  'user_id,item_id,action,value,timestamp',
  'u2,b,rating,4,2000',
  'u1,b,view,,1000',
  'u1,a,view,,1000',
  'u1,c,watch,30.5,1000',
  'u1,new,click,,3000',
].join('\n');
const ITEMS = [
  'item_id,title,genres,year',
  'c,Third,Drama Comedy,1999',
  'a,First,Drama,1980',
  'b,Second,,',
].join('\n');
const USERS = 'user_id,age\nu1,30\nu3,40\n';

async function dataset(
  files: { events?: string; items?: string } = {},
  options: DatasetOptions = {},
): Promise<Dataset> {
  const path = (name: string): string => join(folder, name);
  await writeFile(path('events.csv'), files.events ?? EVENTS);
  await writeFile(path('items.csv'), files.items ?? ITEMS);
  await writeFile(path('users.csv'), USERS);
  return readDataset(path('events.csv'), {
    items: path('items.csv'),
    users: path('users.csv'),
    ...options,
  });
}

/** Feedback as [user, item, action, value, seconds]. */
function feedbackOf({ users, catalogue, feedback }: LogData): unknown[][] {
  return Array.from(feedback.user, (user, row) => [
    users[user],
    catalogue.idOf(feedback.item[row]),
    feedback.action[row],
    feedback.value[row],
    feedback.timeMs[row] / 1000,
  ]);
}

async function imported(folder: string, source: LogSource): Promise<LogImport> {
  await using opened = await LocalLog.open(folder);
  return await importIntoLog(opened, source);
}

async function read(folder: string, untilOffset?: number): Promise<LogData> {
  await using reader = await SegmentLog.openReadOnly(folder);
  return await readLog(reader, untilOffset);
}

describe('importIntoLog', () => {
  it('gives back what the files say: items by file order, feedback by time, ties by ordinal', async () => {
    const done = await imported(log, await dataset());
    expect(done).toEqual({
      imported: true,
      items: 4,
      users: 2,
      interactions: 5,
      forgotten: 0,
      firstOffset: 0,
    });
    const data = await read(log);
    const { catalogue } = data;
    expect(Array.from({ length: catalogue.size }, (_, ordinal) => catalogue.idOf(ordinal))).toEqual([
      'c',
      'a',
      'b',
      'new',
    ]);
    expect(catalogue.item(0)).toMatchObject({ title: 'Third', attributes: { year: { number: undefined } } });
    expect(catalogue.item(0)?.attributes.year.text).toBe('1999');
    expect(data.profiles.get('u3')).toMatchObject({ age: { text: '40' } });
    expect(feedbackOf(data)).toEqual([
      ['u1', 'c', Action.ACTION_WATCH, 30.5, 1000],
      ['u1', 'a', Action.ACTION_VIEW, Number.NaN, 1000],
      ['u1', 'b', Action.ACTION_VIEW, Number.NaN, 1000],
      ['u2', 'b', Action.ACTION_RATING, 4, 2000],
      ['u1', 'new', Action.ACTION_CLICK, Number.NaN, 3000],
    ]);
    expect(Array.from(data.feedback.offset)).toEqual([6, 7, 8, 9, 10]);
    expect([data.endOffset, data.unknownItems]).toEqual([11, 0]);
  });

  it('imports nothing that the log has already, and of a changed item file only what changed', async () => {
    await imported(log, await dataset());
    const before = await read(log);
    expect(await imported(log, await dataset())).toMatchObject({ imported: false, firstOffset: 11 });
    expect((await read(log)).endOffset).toBe(before.endOffset);

    const items = ITEMS.replace('First', 'Renamed');
    const events = 'user_id,item_id,timestamp\nu9,a,4000';
    const again = await imported(log, await dataset({ items, events }));
    expect(again).toMatchObject({ imported: true, items: 1, interactions: 1 });
    const { catalogue } = await read(log);
    expect([catalogue.size, catalogue.lineage]).toEqual([4, before.catalogue.lineage]);
    expect(catalogue.item(1)?.title).toBe('Renamed');
  });

  it('reads only events before an offset when asked', async () => {
    await imported(log, await dataset());
    const { endOffset, feedback } = await read(log, 8);
    expect([endOffset, feedback.user.length]).toEqual([8, 2]);
  });

  it('names the process that owns the log', async () => {
    await using _owner = await SegmentLog.open(log);
    await expect(imported(log, await dataset())).rejects.toMatchObject({
      name: 'LogLockedError',
      message: expect.stringContaining(String(process.pid)),
    });
  });

  it('leaves nothing behind where it fails on the way', async () => {
    const broken = { ...(await dataset()), actions: ['view', 'no such action'] };
    await expect(imported(log, broken)).rejects.toThrow('no such action');
    expect((await read(log)).endOffset).toBe(0);
    expect((await readdir(log)).filter((name) => name.includes('staged'))).toEqual([]);
  });
});

describe('checkItemRow', () => {
  it('makes a row that the catalogue would refuse a bad one', async () => {
    const items = `${ITEMS}\nd,${'x'.repeat(2_000)},,`;
    const { report, items: rows } = await dataset({ items }, { checkItem: checkItemRow });
    expect(report.bad).toBe(1);
    expect(report.firstBad[0]).toMatchObject({ line: 5, reason: expect.stringContaining('item.title') });
    expect(rows.map(({ id }) => id)).not.toContain('d');
  });
});

it.skipIf(NATS.program === undefined)(
  `an import into NATS that ended early is completed by doing it again (needs NATS: ${NATS.absent})`,
  async () => {
    await using server = await TestServer.start(NATS);
    const config = natsSchema.parse({ servers: [`127.0.0.1:${server.port}`], appendTimeoutMs: 500 });
    const rows = 20_000;
    const source: LogSource = {
      users: ['u'],
      userRows: [{ id: 'u', attributes: {} }],
      items: ['a', 'b'].map((id) => ({ id, title: id, categories: [], attributes: {} })),
      bareItems: 0,
      actions: ['view'],
      interactions: {
        user: new Uint32Array(rows),
        item: Uint32Array.from({ length: rows }, (_, i) => i % 2),
        action: new Uint8Array(rows),
        value: new Float32Array(rows).fill(Number.NaN),
        timeMs: Float64Array.from({ length: rows }, (_, i) => i),
      },
    };
    await using log = await NatsLog.open(config);
    const onProgress = (done: number): void => {
      if (done === 8_192) void server.kill();
    };
    const ended = importIntoLog(log, source, { onProgress });
    await expect(ended).rejects.toMatchObject({
      reason: 'LOG_UNAVAILABLE',
      message: expect.stringContaining('run the same import again'),
    });
    await server.restart();
    const again = () =>
      importIntoLog(log, source).then(
        ({ imported: written }) => written,
        () => undefined,
      );
    await expect.poll(again, { timeout: 20_000 }).toBe(true);
    expect(await importIntoLog(log, source)).toMatchObject({ imported: false });
    const ids: string[] = [];
    for await (const { event } of readEventsOf(log)) ids.push(event.eventId);
    expect(ids.length).toBe(rows + 3);
    expect(new Set(ids).size).toBe(ids.length);
  },
  60_000,
);

it('calls people by the names of their time, describes them by those of the first event, and is known again', async () => {
  const keys = [
    { number: 1, from: '1970-01', key: '11'.repeat(32) },
    { number: 2, from: '2020-01', key: '22'.repeat(32) },
  ];
  await writeFile(join(folder, 'keys.json'), JSON.stringify({ keys }));
  const config = new ConfigSource({ MILLRACE_HOME: folder, MILLRACE__RIGHTS__PSEUDONYM_KEYS: 'keys.json' });
  const pseudonyms = Pseudonyms.open(config);
  const events = [
    'user_id,item_id,action,value,timestamp',
    'u1,a,view,,1000',
    'u1,b,view,,1577836800',
    'u2,a,view,,1577836801',
  ];
  const source = await dataset({ events: events.join('\n') });
  source.userRows[0].attributes.friends = ['u2'];
  const written = await imported(log, pseudonymised(source, pseudonyms));
  expect(written).toMatchObject({ imported: true, users: 2, interactions: 3 });
  const [old, late] = [1_000_000, 1_577_836_800_000];
  await using reader = await SegmentLog.openReadOnly(log);
  const users: unknown[] = [];
  const names: unknown[] = [];
  for await (const { event } of readEventsOf(reader)) {
    if (event.user !== undefined) users.push([event.user.id, event.user.attributes.friends?.texts?.values]);
    if (event.feedback !== undefined) names.push(event.feedback.userId);
  }
  expect(users).toEqual([
    [pseudonyms.at('u1', old), [pseudonyms.at('u2', old)]],
    [pseudonyms.at('u3', old), undefined],
  ]);
  expect(names).toEqual([pseudonyms.at('u1', old), pseudonyms.at('u1', late), pseudonyms.at('u2', late)]);
  expect(await imported(log, pseudonymised(source, pseudonyms))).toMatchObject({ imported: false });
});

it('leaves out people who asked to be forgotten, up to when they asked, and brings nobody back when done again', async () => {
  const first = await imported(log, await dataset());
  expect(first).toMatchObject({ users: 2, interactions: 5, forgotten: 0 });
  const requests = await ForgetRequests.open(folder);
  await requests.add('u1', 2_500_000, 9_000_000);
  const options = { forgottenUntilMs: (id: string) => requests.forgottenUntilMs(id) };
  const namesIn = async (path: string): Promise<unknown[]> => {
    await using reader = await SegmentLog.openReadOnly(path);
    const names: unknown[] = [];
    for await (const { event } of readEventsOf(reader))
      if (event.user ?? event.feedback)
        names.push(event.user?.id ?? [event.feedback?.userId, event.feedback?.itemId]);
    return names;
  };
  const source = await dataset();
  source.userRows[1].attributes.friends = ['u1', 'u2'];
  const other = join(folder, 'other');
  await using opened = await LocalLog.open(other);
  const second = await importIntoLog(opened, source, options);
  expect(second).toMatchObject({ imported: true, users: 1, interactions: 2, forgotten: 4 });
  expect(await namesIn(other)).toEqual(['u3', ['u2', 'b'], ['u1', 'new']]);
  expect(await importIntoLog(opened, source, options)).toMatchObject({ imported: false });
  for await (const { event } of readEventsOf(opened))
    if (event.user !== undefined) expect(event.user.attributes.friends.texts?.values).toEqual(['u2']);

  await using erasing = await LocalLog.open(log);
  const offsets: number[] = [];
  for await (const { offset, event } of readEventsOf(erasing))
    if ((event.feedback?.userId ?? event.user?.id) === 'u1' && event.timeMs <= 2_500_000)
      offsets.push(offset);
  expect(offsets).toHaveLength(4);
  await erasing.erase(offsets);
  expect(await importIntoLog(erasing, await dataset(), options)).toMatchObject({
    imported: false,
    forgotten: 4,
  });
});
