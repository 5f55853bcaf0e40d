import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeParquet } from '../../../test/support/parquet.ts';
import { parseColumnMap } from './columns.ts';
import { type Dataset, type DatasetOptions, readDataset } from './dataset.ts';
import { interactionRows } from './fixtures/interaction-rows.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function parquet(name: string, select: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeParquet(path, select);
  return path;
}

const read = (path: string, map?: string, options: DatasetOptions = {}): Promise<Dataset> =>
  readDataset(path, { map: map === undefined ? undefined : parseColumnMap(map), ...options });
const SIMPLE = "SELECT 'u' AS user_id, 'i' AS item_id, 1000 AS timestamp";

describe('Parquet', () => {
  it('reads strings, integers, decimals, timestamps, dates and zones by a column map', async () => {
    const path = await parquet(
      'events.parquet',
      `SELECT * FROM (VALUES
        (7::BIGINT, 'a', TIMESTAMP '2024-03-01 12:00:00.5', 'click', 1.25::DECIMAL(9, 2)),
        (9007199254740993, 'b', TIMESTAMP '2024-03-01 12:00:01', 'view', NULL)) t(who, what, moment, did, amount)`,
    );
    const dataset = await read(path, 'user=who,item=what,time=moment,action=did,value=amount');
    expect(interactionRows(dataset)).toEqual([
      ['7', 'a', 'click', 1.25, Date.UTC(2024, 2, 1, 12, 0, 0, 500)],
      ['9007199254740993', 'b', 'view', Number.NaN, Date.UTC(2024, 2, 1, 12, 0, 1)],
    ]);
    const time = async (expression: string, unit = ''): Promise<number> => {
      const file = await parquet('time.parquet', `SELECT 'u' AS user_id, 'i' AS item_id, ${expression} AS t`);
      return (await read(file, `time=t${unit}`)).interactions.timeMs[0];
    };
    const noon = Date.UTC(2024, 2, 1, 12);
    expect(await time("TIMESTAMPTZ '2024-03-01 14:00:00+02'")).toBe(noon);
    expect(await time("TIMESTAMP_NS '2024-03-01 12:00:00'")).toBe(noon);
    expect(await time("DATE '2024-03-01'")).toBe(Date.UTC(2024, 2, 1));
    expect(await time(`${noon}::BIGINT`)).toBe(noon);
    expect(await time(`${noon / 1000}::INTEGER`)).toBe(noon);
    expect(await time('5000::UBIGINT', ':ms')).toBe(5000);
    expect(await time("'2024-03-01T12:00:00Z'")).toBe(noon);
    expect(await time("TIMESTAMP '1970-01-01 00:00:02'")).toBe(2000);
  });

  it('reads a folder of files at any depth in order of names, Hive partitions as columns', async () => {
    const row = (user: string, item: number): string =>
      `SELECT '${user}' AS user_id, ${item} AS item_id, 1000 AS timestamp`;
    await parquet('lake/date=2024-01-02/action=view/b.parquet', row('u1', 3));
    await parquet('lake/date=2024-01-01/action=like/a.parquet', row('u0', 1));
    await parquet('lake/date=2024-01-01/action=like/c.pq', row('u0', 2));
    await parquet('lake/date=2024-01-01/action=like/_left-over.parquet', row('nobody', 2));
    await parquet('lake/_temporary/x.parquet', row('nobody', 2));
    await writeFile(join(folder, 'lake/_SUCCESS'), '');
    await writeFile(join(folder, 'lake/readme.txt'), '');
    const lake = join(folder, 'lake');
    expect(interactionRows(await read(lake)).map((row) => row.slice(0, 3))).toEqual([
      ['u0', '1', 'like'],
      ['u0', '2', 'like'],
      ['u1', '3', 'view'],
    ]);
    const byDay = await read(lake, 'time=date');
    expect(byDay.interactions.timeMs[2]).toBe(Date.UTC(2024, 0, 2));
  });

  it('reads items and users with lists, numbers, times and text; what no cell can be made of is left out', async () => {
    const events = await parquet('events.parquet', SIMPLE);
    const items = await parquet(
      'items.parquet',
      `SELECT 'i' AS sku, 'A title' AS title, ['x', NULL, 'y'] AS genres, 2.5::FLOAT AS price, true AS new,
        TIMESTAMP '2024-03-01' AS available_from, TIMESTAMP '2024-03-02' AS filmed, 'ab'::BLOB AS image, [1, 2] AS sizes`,
    );
    const users = await parquet('users/part-0.parquet', "SELECT 'u' AS user_id, 30 AS age, 'x|y' AS tags");
    const dataset = await read(events, 'item=sku', { items, users: dirname(users) }).catch((error) => error);
    expect(dataset.message).toBe(
      `${events}: no column 'sku' (mapped to item); the file has user_id, item_id, timestamp`,
    );
    await parquet('items.parquet', `SELECT sku AS item_id, * EXCLUDE sku FROM '${items}'`);
    const { items: rows, userRows } = await read(events, undefined, { items, users: dirname(users) });
    expect(rows).toEqual([
      {
        id: 'i',
        title: 'A title',
        categories: ['x', 'y'],
        availableFromMs: Date.UTC(2024, 2, 1),
        attributes: { price: 2.5, new: 'true', filmed: '2024-03-02T00:00:00.000Z', sizes: ['1', '2'] },
      },
    ]);
    expect(userRows).toEqual([{ id: 'u', attributes: { age: 30, tags: 'x|y' } }]);
  });

  it('counts bad rows and names file and row; strict stops at the first', async () => {
    const path = await parquet(
      "it's [1]*.parquet",
      `SELECT * FROM (VALUES ('u', 'a', 1.0::DOUBLE), (NULL, 'a', 1.0), ('u', '', 1.0), ('u', 'a', 'nan'::DOUBLE))
        t(user_id, item_id, value), (SELECT 1000 AS timestamp)`,
    );
    const { report } = await read(path);
    expect(report).toEqual({
      rows: 4,
      bad: 3,
      firstBad: [
        { file: path, line: 2, reason: 'user: empty' },
        { file: path, line: 3, reason: 'item: empty' },
        { file: path, line: 4, reason: 'value: not finite: "NaN"' },
      ],
    });
    await expect(read(path, undefined, { strict: true })).rejects.toThrow(`${path}:2: user: empty`);
  });

  it('names the file of a folder that lacks a column, and the type of one that cannot be read', async () => {
    await parquet('lake/a.parquet', SIMPLE);
    const odd = await parquet('lake/b.parquet', "SELECT 'u' AS user_id, 'i' AS sku, 1000 AS timestamp");
    await expect(read(dirname(odd))).rejects.toThrow(
      `${odd}: no column for item: item_id or item; the file has user_id, sku, timestamp`,
    );
    const struct = await parquet(
      's.parquet',
      "SELECT {'a': 1} AS user_id, 'i' AS item_id, 1000 AS timestamp",
    );
    await expect(read(struct)).rejects.toThrow(
      `${struct}: column 'user_id' (user) is of type STRUCT("a" INTEGER), which cannot be read`,
    );
  });

  it('refuses truncated, damaged and foreign files by name, and a folder without any', async () => {
    const whole = await parquet(
      'whole.parquet',
      `SELECT 'u' || i AS user_id, 'i' AS item_id, i AS timestamp FROM range(5000) t(i)`,
    );
    const bytes = await readFile(whole);
    const file = async (name: string, content: Uint8Array): Promise<string> => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    const truncated = await file('truncated.parquet', bytes.subarray(0, bytes.length - 100));
    await expect(read(truncated)).rejects.toThrow(`${truncated}: Invalid Input Error: No magic bytes found`);
    const empty = await file('empty.parquet', Buffer.alloc(0));
    await expect(read(empty)).rejects.toThrow(`${empty}: Invalid Input Error`);
    const damaged = await file('damaged.parquet', Buffer.from(bytes).fill(0xff, 8, 4000));
    await expect(read(damaged)).rejects.toThrow(damaged);
    await mkdir(join(folder, 'nothing'));
    await expect(read(join(folder, 'nothing'))).rejects.toThrow(
      `${join(folder, 'nothing')}: holds no .inter, .item, .user or .parquet file`,
    );
  });

  it('reads many chunks in order', async () => {
    const path = await parquet(
      'many.parquet',
      `SELECT 'u' || i % 17 AS user_id, 'i' || i % 13 AS item_id, i::BIGINT AS timestamp FROM range(300000) t(i)`,
    );
    const shares: number[] = [];
    const { interactions, report } = await read(path, undefined, {
      onProgress: ({ bytesRead, bytesTotal }) => shares.push(bytesRead / bytesTotal),
    });
    expect(report.rows).toBe(300_000);
    expect(interactions.timeMs.every((time, row) => time === row * 1000)).toBe(true);
    expect(shares.at(-1)).toBeCloseTo(1, 2);
  });
});
