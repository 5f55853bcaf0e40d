import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SegmentLog } from '../../../common/log/segment-log.ts';
import { Action } from '../../../gen/millrace/type/v1/type.ts';
import { type LogData, readLog } from '../dataset/from-log.ts';
import { type Dataset, type DatasetOptions, readDataset } from './dataset.ts';
import { checkItemRow, importIntoLog } from './to-log.ts';

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

describe('importIntoLog', () => {
  it('gives back what the files say: items by file order, feedback by time, ties by ordinal', async () => {
    const done = await importIntoLog(log, await dataset());
    expect(done).toEqual({ imported: true, items: 4, users: 2, interactions: 5, firstOffset: 0 });
    const data = await readLog(log);
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
    await importIntoLog(log, await dataset());
    const before = await readLog(log);
    expect(await importIntoLog(log, await dataset())).toMatchObject({ imported: false, firstOffset: 11 });
    expect((await readLog(log)).endOffset).toBe(before.endOffset);

    const items = ITEMS.replace('First', 'Renamed');
    const events = 'user_id,item_id,timestamp\nu9,a,4000';
    const again = await importIntoLog(log, await dataset({ items, events }));
    expect(again).toMatchObject({ imported: true, items: 1, interactions: 1 });
    const { catalogue } = await readLog(log);
    expect([catalogue.size, catalogue.lineage]).toEqual([4, before.catalogue.lineage]);
    expect(catalogue.item(1)?.title).toBe('Renamed');
  });

  it('reads only events before an offset when asked', async () => {
    await importIntoLog(log, await dataset());
    const { endOffset, feedback } = await readLog(log, 8);
    expect([endOffset, feedback.user.length]).toEqual([8, 2]);
  });

  it('names the process that owns the log', async () => {
    await using _owner = await SegmentLog.open(log);
    await expect(importIntoLog(log, await dataset())).rejects.toMatchObject({
      name: 'LogLockedError',
      message: expect.stringContaining(String(process.pid)),
    });
  });

  it('leaves nothing behind where it fails on the way', async () => {
    const broken = { ...(await dataset()), actions: ['view', 'no such action'] };
    await expect(importIntoLog(log, broken)).rejects.toThrow('no such action');
    expect((await readLog(log)).endOffset).toBe(0);
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
